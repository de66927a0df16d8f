(* N4: the bound of the noise prediction that bound/mod.rs reports, in binary64, is at least that of NoisePrediction.v.

   c is minus the code's centre of the score, B a real bound of the score as computed and [bound] the one that the code has, s^ the number of the
   format that stands for s, w and tiny those of binary64, eta half the smallest number of the format:
     noise_tree      s bound + |c| (|s - s^| + 2 U s) + 2 eta, the code's terms letter for letter;
     noise_covered        as computed it is at least noise_bound, where the exact score is within twice its bound of the centre, s^ within
                          s/10000 of s, and the format is the smaller one;
     noise_covered_same   and where the format is the same one, whatever is below the normal range. *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Near Arithmetic NoisePrediction.
From Tweedie Require Evaluated.
Open Scope R_scope.

Section Noise.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables w tiny : R.
Hypothesis w_range : 0 <= w <= / 1000000.
Hypothesis tiny_pos : 0 <= tiny.
Hypothesis rnd_pos : forall z, 0 <= z -> 0 <= rnd z.
Hypothesis product : forall z, 0 <= z -> (1 - w) * z - tiny <= rnd z.
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= w * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Variables u eta U s sf c B bound : R.
Hypothesis u_range : 0 <= u <= / 1000000.
Hypothesis eta_pos : 0 <= eta.
Hypothesis U_is : u <= U /\ w <= U /\ U <= 1.
Hypothesis s_is : 0 < s /\ Rabs (s - sf) <= s / 10000 /\ 1000000 * tiny <= U * s.
Hypothesis formats : format s /\ format sf /\ format (2 * U) /\ format (Rabs c) /\ (0 <= bound /\ format bound) /\ format (2 * eta).
Hypothesis bound_is : 0 <= B /\ 1001 / 1000 * B + 2 * U * Rabs c <= bound.

Definition noise_tree : Evaluated.formula := Evaluated.Plus (Evaluated.Plus (Evaluated.Times (Evaluated.Number s) (Evaluated.Number bound))
  (Evaluated.Times (Evaluated.Number (Rabs c)) (Evaluated.Plus (Evaluated.Distance s sf) (Evaluated.Times (Evaluated.Number (2 * U)) (Evaluated.Number s)))))
  (Evaluated.Number (2 * eta)).
Definition noise_computed : R := Evaluated.float rnd noise_tree.

Theorem noise_covered S : 4 * tiny <= eta -> Rabs (S + c) <= 2 * B -> u * Rabs (s * S) + (1 + u) * (Rabs (sf - s) * Rabs S + Rabs sf * B + eta) <= noise_computed.
Proof.
  intros Big HS. destruct s_is as [S0 [Sm Su]]. destruct bound_is as [B0 Bb]. destruct formats as [F1 [F2 [F3 [F4 [F5 F6]]]]]. destruct U_is as [U1 [U2 U3]].
  assert (G : Evaluated.good format noise_tree) by (simpl; repeat split; try tauto; try lra; apply Rabs_pos).
  assert (Ev := Evaluated.evaluated rnd format w tiny ltac:(lra) tiny_pos rnd_pos product addition format_opp format_rnd noise_tree G).
  assert (Bn := Evaluated.bernoulli w ltac:(lra) 5). assert (Rp := Evaluated.real_pos format w ltac:(lra) noise_tree G).
  change (Evaluated.depth noise_tree) with 5%nat in Ev. simpl (INR 5) in Bn. fold noise_computed in Ev.
  assert (R : Evaluated.real noise_tree = s * bound + Rabs c * (Rabs (s - sf) + 2 * U * s) + 2 * eta) by reflexivity.
  assert (Un : Evaluated.under tiny noise_tree = 2 * tiny + Rabs c * tiny) by (unfold noise_tree; cbn [Evaluated.under Evaluated.real]; ring).
  rewrite Un in Ev. set (k := Rabs c) in *. assert (K0 : 0 <= k) by apply Rabs_pos. set (q := Rabs (s - sf)) in *.
  assert (Q0 : 0 <= q) by apply Rabs_pos. replace (Rabs (sf - s)) with q by (unfold q; rewrite <- Rabs_Ropp; f_equal; ring).
  assert (A1 : Rabs S <= k + 2 * B).
  { replace S with (- c + (S + c)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). unfold k. rewrite Rabs_Ropp. lra. }
  assert (A2 : Rabs sf <= s + q).
  { replace sf with (s - (s - sf)) by ring. unfold Rminus at 1. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp, (Rabs_pos_eq s) by lra. fold q. lra. }
  assert (Ev1 : (1 - 5 * w) * Evaluated.real noise_tree <= (1 - w) ^ 5 * Evaluated.real noise_tree) by (apply Rmult_le_compat_r; lra).
  (* Every term in products of numbers that are not negative. *)
  rewrite Rabs_mult, (Rabs_pos_eq s) by lra.
  assert (X1 : u * (s * Rabs S) <= u * (s * (k + 2 * B))) by (repeat apply Rmult_le_compat_l; lra).
  assert (X2 : q * Rabs S <= q * (k + 2 * B)) by (apply Rmult_le_compat_l; lra).
  assert (X3 : Rabs sf * B <= (s + q) * B) by (apply Rmult_le_compat_r; lra).
  assert (X4 : (1 + u) * (q * Rabs S + Rabs sf * B + eta) <= (1 + u) * (q * (k + 2 * B) + (s + q) * B + eta)) by (apply Rmult_le_compat_l; lra).
  assert (sB : 0 <= s * B) by (apply Rmult_le_pos; lra). assert (sk : 0 <= s * k) by (apply Rmult_le_pos; lra).
  assert (qB : 0 <= q * B <= s / 10000 * B) by (split; [apply Rmult_le_pos; lra|apply Rmult_le_compat_r; lra]).
  assert (qk : 0 <= q * k <= s / 10000 * k) by (split; [apply Rmult_le_pos; lra|apply Rmult_le_compat_r; lra]).
  assert (usB : 0 <= u * (s * B) <= / 1000000 * (s * B)) by (split; [apply Rmult_le_pos; lra|apply Rmult_le_compat_r; lra]).
  assert (uqB : u * (q * B) <= / 1000000 * (q * B)) by (apply Rmult_le_compat_r; lra).
  assert (ue : u * eta <= / 1000000 * eta) by (apply Rmult_le_compat_r; lra).
  assert (we : w * eta <= / 1000000 * eta) by (apply Rmult_le_compat_r; lra).
  assert (usk : u * (s * k) <= U * (s * k)) by (apply Rmult_le_compat_r; lra).
  assert (uqk : u * (q * k) <= U * (q * k)) by (apply Rmult_le_compat_r; lra).
  assert (wqk : w * (q * k) <= U * (q * k)) by (apply Rmult_le_compat_r; lra).
  assert (Uqk : U * (q * k) <= U * (s / 10000 * k)) by (apply Rmult_le_compat_l; lra).
  assert (Usk : 0 <= U * (s * k)) by (apply Rmult_le_pos; lra).
  assert (wUsk : w * (U * (s * k)) <= / 1000000 * (U * (s * k))) by (apply Rmult_le_compat_r; lra).
  assert (wsB : w * (s * B) <= / 1000000 * (s * B)) by (apply Rmult_le_compat_r; lra).
  assert (tk : k * (1000000 * tiny) <= k * (U * s)) by (apply Rmult_le_compat_l; lra).
  assert (sb : s * (1001 / 1000 * B + 2 * U * k) <= s * bound) by (apply Rmult_le_compat_l; lra).
  assert (low : (1 - 5 * w) * (s * (1001 / 1000 * B + 2 * U * k) + k * (q + 2 * U * s) + 2 * eta) <= (1 - 5 * w) * Evaluated.real noise_tree).
  { apply Rmult_le_compat_l. lra. rewrite R. lra. }
  assert (0 <= eta) by assumption.
  lra.
Qed.

(* Where the evaluated format is that of the evaluation: s is not rounded, and a product loses a part of itself or eta, not both. *)
Hypothesis above : forall x y, 0 <= x -> format y -> y <= rnd (x + y).
Theorem noise_covered_same S computed noise : sf = s -> tiny <= eta -> Rabs (S + c) <= 2 * B -> Rabs (computed - S) <= B ->
  Rabs (noise - - s * computed) <= eta \/ (eta <= u * Rabs (s * computed) /\ Rabs (noise - - s * computed) <= u * Rabs (s * computed)) ->
  Rabs (noise - - s * S) <= noise_computed.
Proof.
  intros Same Te HS HC HN. destruct s_is as [S0 [_ Su]]. destruct bound_is as [B0 Bb]. destruct formats as [F1 [F2 [F3 [F4 [F5 F6]]]]]. destruct U_is as [U1 [U2 U3]].
  set (k := Rabs c) in *. assert (K0 : 0 <= k) by apply Rabs_pos.
  assert (A : Rabs computed <= k + 3 * B).
  { replace computed with ((computed - S) + ((S + c) - c)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
    assert (Q := Rabs_triang (S + c) (- c)). rewrite Rabs_Ropp in Q. fold k (S + c - c) in Q. lra. }
  assert (Er : Rabs (noise - - s * S) <= Rabs (noise - - s * computed) + s * B).
  { replace (noise - - s * S) with ((noise - - s * computed) + - s * (computed - S)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
    rewrite (Rabs_mult (- s)), Rabs_Ropp, (Rabs_pos_eq s) by lra. apply Rplus_le_compat_l. apply Rmult_le_compat_l; lra. }
  assert (sB : 0 <= s * B) by (apply Rmult_le_pos; lra). assert (sk : 0 <= s * k) by (apply Rmult_le_pos; lra).
  assert (sb : s * (1001 / 1000 * B + 2 * U * k) <= s * bound) by (apply Rmult_le_compat_l; lra).
  assert (Usk : 0 <= U * (s * k)) by (apply Rmult_le_pos; lra). assert (we : w * eta <= / 1000000 * eta) by (apply Rmult_le_compat_r; lra).
  assert (wsB : w * (s * B) <= / 1000000 * (s * B)) by (apply Rmult_le_compat_r; lra).
  assert (wUsk : w * (U * (s * k)) <= / 1000000 * (U * (s * k))) by (apply Rmult_le_compat_r; lra).
  destruct HN as [HN|[Nm HN]].
  - (* Below the normal range: the smallest number alone, or with the product that the bound itself may lose. *)
    set (p := rnd (s * bound)). assert (P := product (s * bound) ltac:(apply Rmult_le_pos; lra)). fold p in P.
    assert (P0 : 0 <= p) by (apply rnd_pos, Rmult_le_pos; lra).
    set (y := rnd (p + rnd (k * rnd (Rabs (rnd (s - sf)) + rnd (2 * U * s))))). assert (N : noise_computed = rnd (y + 2 * eta)) by reflexivity.
    assert (Q0 : 0 <= rnd (k * rnd (Rabs (rnd (s - sf)) + rnd (2 * U * s)))).
    { apply rnd_pos, Rmult_le_pos. exact K0. apply rnd_pos. assert (0 <= rnd (2 * U * s)) by (apply rnd_pos; apply Rmult_le_pos; lra).
      generalize (Rabs_pos (rnd (s - sf))). lra. }
    set (z := rnd (k * _)) in *.
    assert (Y : p <= y) by (unfold y; rewrite Rplus_comm; apply above; [exact Q0|apply format_rnd]).
    assert (T1 : 2 * eta <= noise_computed) by (rewrite N; apply above; [lra|tauto]).
    assert (T2 : (1 - w) * (y + 2 * eta) <= noise_computed).
    { rewrite N. assert (Ad := addition y (2 * eta) (format_rnd _) ltac:(tauto)). rewrite (Rabs_pos_eq (y + 2 * eta)) in Ad by lra. apply Rabs_le_inv in Ad. lra. }
    assert (T3 : (1 - w) * (p + 2 * eta) <= (1 - w) * (y + 2 * eta)) by (apply Rmult_le_compat_l; lra).
    assert (wp : w * p <= / 1000000 * p) by (apply Rmult_le_compat_r; lra).
    assert (T4 : (1 - w) * (s * (1001 / 1000 * B + 2 * U * k)) <= (1 - w) * (s * bound)) by (apply Rmult_le_compat_l; lra).
    destruct (Rle_lt_dec (s * B) (eta / 2)); lra.
  - assert (G : Evaluated.good format noise_tree) by (simpl; repeat split; try tauto; try lra; apply Rabs_pos).
    assert (Ev := Evaluated.evaluated rnd format w tiny ltac:(lra) tiny_pos rnd_pos product addition format_opp format_rnd noise_tree G).
    assert (Bn := Evaluated.bernoulli w ltac:(lra) 5). assert (Rp := Evaluated.real_pos format w ltac:(lra) noise_tree G).
    change (Evaluated.depth noise_tree) with 5%nat in Ev. simpl (INR 5) in Bn. fold noise_computed in Ev.
    assert (R : Evaluated.real noise_tree = s * bound + k * (Rabs (s - sf) + 2 * U * s) + 2 * eta) by reflexivity.
    assert (Un : Evaluated.under tiny noise_tree = 2 * tiny + k * tiny) by (unfold noise_tree; cbn [Evaluated.under Evaluated.real]; unfold k; ring).
    rewrite Same, Rminus_eq_0, Rabs_R0 in R. rewrite Un in Ev.
    assert (Ev1 : (1 - 5 * w) * Evaluated.real noise_tree <= (1 - w) ^ 5 * Evaluated.real noise_tree) by (apply Rmult_le_compat_r; lra).
    rewrite (Rabs_mult s), (Rabs_pos_eq s) in Nm, HN by lra.
    assert (X : u * (s * Rabs computed) <= u * (s * (k + 3 * B))) by (repeat apply Rmult_le_compat_l; lra).
    assert (usB : u * (s * B) <= / 1000000 * (s * B)) by (apply Rmult_le_compat_r; lra).
    assert (usk : u * (s * k) <= U * (s * k)) by (apply Rmult_le_compat_r; lra).
    assert (tk : k * (1000000 * tiny) <= k * (U * s)) by (apply Rmult_le_compat_l; lra).
    assert (low : (1 - 5 * w) * (s * (1001 / 1000 * B + 2 * U * k) + k * (2 * U * s) + 2 * eta) <= (1 - 5 * w) * Evaluated.real noise_tree).
    { apply Rmult_le_compat_l. lra. rewrite R. lra. }
    lra.
Qed.
End Noise.
