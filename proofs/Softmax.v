(* N4: sums over the components of a mixture in floating point, in the order of src/law/reference.rs, for any number of blocks.

   Rounding: rnd z is z + w changed by a relative u, |w| <= eta, so underflow is counted; a sum of two numbers of the format has no w.
   E is the computed exponential on numbers of the format up to 0: e^x changed by e^theta, |theta| <= e, and by |w| <= tau (where the
   result is below the normal range). Ln is the computed logarithm between 0 and [limit]. Both are theorems (Functions.v).
   Components come in blocks, j of block i has the computed logit l i j. In a block: the largest logit m i, the weights E(rnd(l - m)), chains
   of fused multiply-adds from zero. Blocks are combined as in [combine]: both sums times E(rnd(their largest - the larger)), the
   second product rounded, the other fused. Shares are exact: share i j = e^(l i j - M)/S, S = sum e^(l - M), M the largest of all.
     sum_near             a sum of terms near e^(l - m) y is sum e^(l - M) y e^theta + rest, |theta| <= u |l - M| + C, |rest| <= R;
     total_error          the total is within Phi S of S, Phi = sum share (e^(u |l - M| + C) - 1) + R;
     responsibility_error, mean_error, log_sum_exp_error   what is divided by the total, and M + Ln total;
   with phi = -ln(1 - Phi) and nu = -ln(1 - u):
     mean_error           |rnd(X/T) - sum share y| <= sum share |y| (e^(u |l - M| + C + phi + nu) - 1) + e^(phi + nu) (R + eta). *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Weights.
Open Scope R_scope.

Section Softmax.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables u eta e tau : R.
Hypothesis u_range : 0 <= u < 1.
Hypothesis eta_pos : 0 <= eta.
Hypothesis e_pos : 0 <= e.
Hypothesis tau_pos : 0 <= tau.
Hypothesis standard : forall z, exists w, Rabs w <= eta /\ Rabs (rnd z - (z + w)) <= u * Rabs (z + w).
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= u * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Variable E : R -> R.
Hypothesis exp_off : forall x, format x -> x <= 0 -> off e tau (E x) (exp x).

Notation nu := (Near.nu u).
Notation chain := (Near.chain rnd).
Let nu_pos : 0 <= nu := Near.nu_pos u u_range.
Let rounded := Near.rounded rnd u eta u_range standard.

Lemma weight_off l M : format l -> format M -> l <= M -> off (u * Rabs (l - M) + e) tau (E (rnd (l - M))) (exp (l - M)).
Proof.
  intros Fl FM H. assert (S := addition l (- M) Fl (format_opp _ FM)). fold (l - M) in S. set (x := l - M) in *.
  assert (X : x <= 0) by (unfold x; lra).
  assert (R0 : rnd x <= 0).
  { rewrite (Rabs_left1 x) in S by assumption. apply Rabs_le_inv in S. assert (u * - x <= 1 * - x) by (apply Rmult_le_compat_r; lra). lra. }
  destruct (exp_off (rnd x) (format_rnd x) R0) as [th [w [Ht [Hw ->]]]]. exists (th + (rnd x - x)), w. repeat split; [|assumption|].
  - apply Rle_trans with (1 := Rabs_triang _ _). lra.
  - replace (exp x * exp (th + (rnd x - x))) with (exp (rnd x) * exp th). reflexivity.
    rewrite <- !exp_plus. f_equal. ring.
Qed.

Variable size : nat -> nat.
Variable l : nat -> nat -> R.
Variable m : nat -> R.
Variable N : nat.
Hypothesis sizes : forall i, (size i <= N)%nat.
Hypothesis logit_format : forall i j, format (l i j).
Hypothesis block_largest : forall i, (exists j, (j < size i)%nat /\ m i = l i j) /\ forall j, (j < size i)%nat -> l i j <= m i.
Lemma m_format i : format (m i).
Proof. destruct (block_largest i) as [[j [_ ->]] _]. apply logit_format. Qed.

(* Over the components of the blocks 0 to b. *)
Notation dsum := (Sums.dsum size).

Fixpoint largest (b : nat) : R := match b with O => m 0%nat | S c => Rmax (largest c) (m (S c)) end.
Lemma largest_is b : (exists i j, (i <= b)%nat /\ (j < size i)%nat /\ largest b = l i j)
  /\ forall i, (i <= b)%nat -> m i <= largest b.
Proof.
  induction b as [|b [[i [j [Hi [Hj Ej]]]] U]]; cbn [largest].
  - destruct (block_largest 0) as [[j [Hj Ej]] U]. split. now exists 0%nat, j. intros i Hi. replace i with 0%nat by lia. lra.
  - split.
    + destruct (Rle_dec (largest b) (m (S b))).
      * rewrite Rmax_right by assumption. destruct (block_largest (S b)) as [[k [Hk Ek]] _]. now exists (S b), k.
      * rewrite Rmax_left by lra. exists i, j. auto.
    + intros k Hk. destruct (Nat.eq_dec k (S b)) as [->|Hne]. apply Rmax_r.
      apply Rle_trans with (2 := Rmax_l _ _). apply U. lia.
Qed.
Lemma largest_format b : format (largest b).
Proof. destruct (largest_is b) as [[i [j [_ [_ ->]]]] _]. apply logit_format. Qed.
Lemma below b i j : (i <= b)%nat -> (j < size i)%nat -> l i j <= largest b.
Proof. intros Hi Hj. apply Rle_trans with (m i). now apply block_largest. now apply largest_is. Qed.

Section Terms.
Variables term y t : nat -> nat -> R.
Variable c0 : R.
Hypothesis c0_pos : 0 <= c0.
Hypothesis term_off : forall i j, (j < size i)%nat -> off (u * Rabs (l i j - m i) + c0) (t i j) (term i j) (exp (l i j - m i) * y i j).
Hypothesis t_pos : forall i j, 0 <= t i j.

Definition sum_of (i : nat) : R := chain (term i) (size i).
Fixpoint combined (b : nat) : R := match b with
  | O => sum_of 0
  | S c => rnd (combined c * E (rnd (largest c - largest b)) + rnd (sum_of b * E (rnd (m b - largest b))))
  end.

Definition step_cost : R := e + tau + 2 * nu.
Definition cost (b : nat) : R := c0 + INR N * nu + INR b * step_cost.
Definition rest_bound (b : nat) : R :=
  exp (cost b) * (dsum b (fun i j => t i j + eta) + INR b * (tau * dsum b (fun i j => Rabs (y i j)) + 2 * eta)).

Lemma cost_pos b : 0 <= cost b.
Proof.
  unfold cost, step_cost. assert (P := nu_pos). assert (0 <= INR N * nu) by (apply Rmult_le_pos; auto using pos_INR).
  assert (0 <= INR b * (e + tau + 2 * nu)) by (apply Rmult_le_pos; [apply pos_INR|lra]). lra.
Qed.
Lemma cost_S b : cost (S b) = cost b + step_cost.
Proof. unfold cost. rewrite S_INR. ring. Qed.

(* What a sum is multiplied with when the largest logit moves from M to M', and what a component has of it. *)
Lemma factor M M' : format M -> format M' -> M <= M' -> exists th w, Rabs th <= u * Rabs (M - M') + e /\ Rabs w <= tau
  /\ E (rnd (M - M')) = exp (M - M') * exp th + w /\ Rabs (E (rnd (M - M'))) <= exp (e + tau).
Proof.
  intros F F' H. destruct (weight_off M M' F F' H) as [th [w [Ht [Hw Ee]]]]. exists th, w. repeat split; try assumption.
  rewrite Ee. apply Rle_trans with (1 := Rabs_triang _ _). rewrite <- exp_plus, Rabs_pos_eq by (left; apply exp_pos).
  rewrite (exp_plus e tau). rewrite (Rabs_left1 (M - M')) in Ht by lra. apply Rabs_le_inv in Ht.
  assert (u * - (M - M') <= 1 * - (M - M')) by (apply Rmult_le_compat_r; lra).
  assert (exp (M - M' + th) <= exp e) by (apply exp_le; lra). assert (G := exp_ge_1 e e_pos). assert (T := exp_ineq1_le tau).
  assert (1 * tau <= exp e * tau) by (apply Rmult_le_compat_r; lra).
  assert (exp e * (1 + tau) <= exp e * exp tau) by (apply Rmult_le_compat_l; lra). lra.
Qed.
Lemma moved l0 M M' C c v th : l0 <= M -> M <= M' -> near (u * Rabs (l0 - M) + C) c (exp (l0 - M) * v) ->
  Rabs th <= u * Rabs (M - M') + e -> near (u * Rabs (l0 - M') + (C + e)) (c * (exp (M - M') * exp th)) (exp (l0 - M') * v).
Proof.
  intros H H' [s [Hs ->]] Ht. exists (s + th). split.
  - apply Rle_trans with (1 := Rabs_triang _ _). rewrite (Rabs_left1 (l0 - M')) by lra.
    rewrite (Rabs_left1 (l0 - M)) in Hs by lra. rewrite (Rabs_left1 (M - M')) in Ht by lra. lra.
  - rewrite exp_plus. replace (l0 - M') with ((l0 - M) + (M - M')) by ring. rewrite (exp_plus (l0 - M)). ring.
Qed.
Lemma size_of l0 M C c v : l0 <= M -> near (u * Rabs (l0 - M) + C) c (exp (l0 - M) * v) -> Rabs c <= Rabs v * exp C.
Proof.
  intros H Hc. apply near_size in Hc. apply Rle_trans with (1 := Hc).
  rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos). rewrite (Rabs_left1 (l0 - M)) by lra.
  rewrite (Rmult_comm (exp _)), Rmult_assoc, <- exp_plus. apply Rmult_le_compat_l. apply Rabs_pos. apply exp_le.
  assert (u * - (l0 - M) <= 1 * - (l0 - M)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma block_near i : exists c rest, sum_of i = rsum (size i) c + rest
  /\ (forall j, (j < size i)%nat -> near (u * Rabs (l i j - m i) + cost 0) (c j) (exp (l i j - m i) * y i j))
  /\ Rabs rest <= rsum (size i) (fun j => t i j + eta) * exp (cost 0).
Proof.
  destruct (chain_near rnd u eta u_range eta_pos standard (term i) (fun j => exp (l i j - m i) * y i j) (fun j => u * Rabs (l i j - m i) + c0) (t i) (size i)) as [c [r [Ec [Hc Hr]]]].
  intros j Hj. now apply term_off. exists c, r. assert (P := nu_pos). assert (SN := le_INR _ _ (sizes i)).
  assert (INR (size i) * nu <= INR N * nu) by (apply Rmult_le_compat_r; assumption).
  split; [exact Ec|split].
  - intros j Hj. apply (near_weaken _ _ _ _ (Hc j Hj)). unfold cost. simpl. lra.
  - apply Rle_trans with (1 := Hr). apply Rmult_le_compat_l. apply rsum_nonneg. intros k Hk. generalize (t_pos i k). lra.
    apply exp_le. unfold cost. simpl. lra.
Qed.

Theorem sum_near b : exists c rest, combined b = dsum b c + rest
  /\ (forall i j, (i <= b)%nat -> (j < size i)%nat -> near (u * Rabs (l i j - largest b) + cost b) (c i j) (exp (l i j - largest b) * y i j))
  /\ Rabs rest <= rest_bound b.
Proof.
  induction b as [|b IH].
  - destruct (block_near 0) as [c [r [Ec [Hc Hr]]]]. exists (fun _ => c), r. cbn [combined largest]. split; [|split].
    + unfold dsum. cbn [rsum]. rewrite Ec. ring.
    + intros i j Hi Hj. replace i with 0%nat in * by lia. now apply Hc.
    + apply Rle_trans with (1 := Hr). unfold rest_bound, dsum. cbn [rsum]. simpl. lra.
  - destruct IH as [c [r [Ec [Hc Hr]]]]. destruct (block_near (S b)) as [c' [r' [Ec' [Hc' Hr']]]].
    assert (FM := largest_format b). assert (FM' := largest_format (S b)). assert (Fm := m_format (S b)).
    assert (Mo : largest b <= largest (S b)) by (cbn [largest]; apply Rmax_l).
    assert (Mn : m (S b) <= largest (S b)) by (cbn [largest]; apply Rmax_r).
    destruct (factor _ _ FM FM' Mo) as [th [w [Ht [Hw [Eo Bo]]]]].
    destruct (factor _ _ Fm FM' Mn) as [th' [w' [Ht' [Hw' [En Bn]]]]].
    cbn [combined]. set (old := E (rnd (largest b - largest (S b)))) in *. set (new := E (rnd (m (S b) - largest (S b)))) in *.
    destruct (rounded (sum_of (S b) * new)) as [w1 [s1 [Hw1 [Hs1 ->]]]].
    destruct (rounded (combined b * old + (sum_of (S b) * new + w1) * exp s1)) as [w2 [s2 [Hw2 [Hs2 ->]]]].
    set (p := exp (largest b - largest (S b)) * exp th) in *. set (p' := exp (m (S b) - largest (S b)) * exp th') in *.
    set (A := dsum b c). set (A' := rsum (size (S b)) c').
    exists (fun i j => if Nat.eqb i (S b) then c' j * p' * exp s1 * exp s2 else c i j * p * exp s2),
      ((r * old + A * w + ((r' * new + A' * w') + w1) * exp s1 + w2) * exp s2).
    split; [|split].
    + unfold dsum. rewrite (rsum_last (S b)). rewrite Nat.eqb_refl.
      rewrite (rsum_ext (size (S b)) _ (fun j => c' j * (p' * exp s1 * exp s2))) by (intros; ring). rewrite rsum_scal_r. fold A'.
      rewrite (rsum_ext (S b) _ (fun i => rsum (size i) (c i) * (p * exp s2))).
      2: { intros i Hi. rewrite <- rsum_scal_r. apply rsum_ext. intros j Hj. destruct (Nat.eqb_spec i (S b)). lia. ring. }
      rewrite rsum_scal_r. change (rsum (S b) (fun i => rsum (size i) (c i))) with A.
      rewrite Ec, Ec'. fold A A'. rewrite Eo, En. ring.
    + assert (P := nu_pos). rewrite cost_S.
      assert (T : forall s x, Rabs s <= nu -> near nu (x * exp s) x) by (intros s x Hx; now exists s).
      intros i j Hi Hj. destruct (Nat.eqb_spec i (S b)) as [->|Hne].
      * apply near_weaken with (nu + (nu + (u * Rabs (l (S b) j - largest (S b)) + (cost 0 + e)))).
        -- apply near_trans with (1 := T _ _ Hs2). apply near_trans with (1 := T _ _ Hs1). unfold p'.
           apply moved; try assumption. now apply block_largest. now apply Hc'.
        -- unfold step_cost, cost. assert (0 <= INR b * (e + tau + 2 * nu)) by (apply Rmult_le_pos; [apply pos_INR|lra]).
           unfold step_cost. simpl (INR 0). lra.
      * apply near_weaken with (nu + (u * Rabs (l i j - largest (S b)) + (cost b + e))).
        -- apply near_trans with (1 := T _ _ Hs2). unfold p. apply moved; try assumption. apply below; lia || assumption.
           apply Hc; lia || assumption.
        -- unfold step_cost. lra.
    + assert (P := nu_pos). assert (Cp := cost_pos b).
      assert (BA : Rabs A <= dsum b (fun i j => Rabs (y i j)) * exp (cost b)).
      { apply Rle_trans with (1 := dsum_abs _ _). rewrite <- dsum_scal_r. apply dsum_le. intros i j Hi Hj.
        apply (size_of (l i j) (largest b)). now apply below. now apply Hc. }
      assert (BA' : Rabs A' <= rsum (size (S b)) (fun j => Rabs (y (S b) j)) * exp (cost 0)).
      { apply Rle_trans with (1 := rsum_abs _ _). rewrite <- rsum_scal_r. apply rsum_le. intros j Hj.
        apply (size_of (l (S b) j) (m (S b))). now apply block_largest. now apply Hc'. }
      assert (Q : forall f, dsum (S b) f = dsum b f + rsum (size (S b)) (f (S b))) by reflexivity.
      set (Y := dsum b (fun i j => Rabs (y i j))) in *. set (Y' := rsum (size (S b)) (fun j => Rabs (y (S b) j))) in *.
      assert (Yp : 0 <= Y) by (apply dsum_nonneg; intros; apply Rabs_pos).
      assert (Yp' : 0 <= Y') by (apply rsum_nonneg; intros; apply Rabs_pos).
      unfold rest_bound in *. rewrite !Q. fold Y Y'.
      set (T := dsum b (fun i j => t i j + eta)) in *. set (T' := rsum (size (S b)) (fun j => t (S b) j + eta)) in *.
      assert (Tp : 0 <= T) by (apply dsum_nonneg; intros i j _ _; generalize (t_pos i j); lra).
      assert (Tp' : 0 <= T') by (apply rsum_nonneg; intros j _; generalize (t_pos (S b) j); lra).
      set (Z := T + INR b * (tau * Y + 2 * eta)) in *.
      assert (Zp : 0 <= INR b * (tau * Y + 2 * eta)).
      { apply Rmult_le_pos. apply pos_INR. assert (0 <= tau * Y) by (apply Rmult_le_pos; lra). lra. }
      rewrite S_INR, cost_S. fold T. 
      set (g := exp (cost b + step_cost)).
      (* Every factor is at most g. *)
      assert (G : forall x, 0 <= x -> forall k, k <= cost b + step_cost -> x * exp k <= x * g).
      { intros x Hx k Hk. apply Rmult_le_compat_l. assumption. now apply exp_le. }
      assert (X2 : Rabs ((r * old + A * w + (r' * new + A' * w' + w1) * exp s1 + w2) * exp s2)
        <= (Rabs r * exp (e + tau) + Rabs A * tau + ((Rabs r' * exp (e + tau) + Rabs A' * tau) + eta) * exp nu + eta) * exp nu).
      { assert (B : forall s, Rabs s <= nu -> Rabs (exp s) <= exp nu).
        { intros s Hs. rewrite Rabs_pos_eq by (left; apply exp_pos). apply exp_le. apply Rabs_le_inv in Hs. lra. }
        rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [|now apply B].
        apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat; [|assumption].
        apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat.
        - apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult.
          apply Rplus_le_compat; apply Rmult_le_compat_l; try apply Rabs_pos; assumption.
        - rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [|now apply B].
          apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat; [|assumption].
          apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult.
          apply Rplus_le_compat; apply Rmult_le_compat_l; try apply Rabs_pos; assumption. }
      apply Rle_trans with (1 := X2).
      assert (C0b : cost 0 <= cost b).
      { unfold cost, step_cost. simpl (INR 0). assert (0 <= INR b * (e + tau + 2 * nu)) by (apply Rmult_le_pos; [apply pos_INR|lra]). lra. }
      assert (S1 : Rabs r * exp (e + tau) * exp nu <= Z * g).
      { apply Rle_trans with (Z * exp (cost b + (e + tau) + nu)). 2: apply G; unfold step_cost, Z in *; lra.
        rewrite !exp_plus, <- !Rmult_assoc. repeat (apply Rmult_le_compat_r; [left; apply exp_pos|]). rewrite (Rmult_comm Z). exact Hr. }
      assert (S2 : Rabs A * tau * exp nu <= tau * Y * g).
      { apply Rle_trans with (tau * Y * exp (cost b + nu)). 2: apply G; [apply Rmult_le_pos; lra|unfold step_cost; lra].
        rewrite exp_plus, <- !Rmult_assoc. apply Rmult_le_compat_r; [left; apply exp_pos|].
        rewrite (Rmult_comm (Rabs A)), Rmult_assoc. apply Rmult_le_compat_l; lra. }
      assert (S3 : Rabs r' * exp (e + tau) * exp nu * exp nu <= T' * g).
      { apply Rle_trans with (T' * exp (cost 0 + (e + tau) + nu + nu)). 2: apply G; unfold step_cost; lra.
        rewrite !exp_plus, <- !Rmult_assoc. repeat (apply Rmult_le_compat_r; [left; apply exp_pos|]). exact Hr'. }
      assert (S4 : Rabs A' * tau * exp nu * exp nu <= tau * Y' * g).
      { apply Rle_trans with (tau * Y' * exp (cost 0 + nu + nu)). 2: apply G; [apply Rmult_le_pos; lra|unfold step_cost; lra].
        rewrite !exp_plus, <- !Rmult_assoc. repeat (apply Rmult_le_compat_r; [left; apply exp_pos|]).
        rewrite (Rmult_comm (Rabs A')), Rmult_assoc. apply Rmult_le_compat_l; lra. }
      assert (S5 : eta * exp nu * exp nu <= eta * g).
      { rewrite Rmult_assoc, <- exp_plus. apply G; unfold step_cost; lra. }
      assert (S6 : eta * exp nu <= eta * g) by (apply G; unfold step_cost; lra).
      assert (S7 : 0 <= INR b * tau * Y' * g).
      { assert (0 < g) by apply exp_pos. repeat apply Rmult_le_pos; try lra. apply pos_INR. }
      replace (g * (T + T' + (INR b + 1) * (tau * (Y + Y') + 2 * eta)))
        with (Z * g + tau * Y * g + T' * g + tau * Y' * g + eta * g + eta * g + INR b * tau * Y' * g) by (unfold Z; ring).
      lra.
Qed.
End Terms.

Variable b : nat.
Notation M := (largest b).
Definition mass : R := dsum b (fun i j => exp (l i j - M)).
Definition share (i j : nat) : R := exp (l i j - M) / mass.
Definition weight (i j : nat) : R := E (rnd (l i j - m i)).
Definition total : R := combined weight b.
Definition total_rest : R := rest_bound (fun _ _ => 1) (fun _ _ => tau) e b.
Definition Phi : R := dsum b (fun i j => share i j * (exp (u * Rabs (l i j - M) + cost e b) - 1)) + total_rest.
Definition phi : R := - ln (1 - Phi).
Hypothesis Phi_small : Phi < 1.

Lemma mass_ge_1 : 1 <= mass.
Proof.
  destruct (largest_is b) as [[i0 [j0 [Hi0 [Hj0 E0]]]] _].
  assert (D := dsum_member size b (fun i j => exp (l i j - M)) i0 j0 ltac:(intros; left; apply exp_pos) (conj Hi0 Hj0)).
  cbv beta in D. rewrite <- E0, Rminus_eq_0, exp_0 in D. exact D.
Qed.
Lemma share_pos i j : 0 < share i j.
Proof. assert (S := mass_ge_1). apply Rdiv_lt_0_compat. apply exp_pos. lra. Qed.
Lemma share_is i j : exp (l i j - M) = share i j * mass.
Proof. assert (S := mass_ge_1). unfold share. field. lra. Qed.
Lemma shares_sum : dsum b share = 1.
Proof.
  assert (S := mass_ge_1). unfold share, Rdiv. rewrite dsum_scal_r. fold mass. apply Rinv_r. lra.
Qed.

Lemma weight_term i j : (j < size i)%nat -> off (u * Rabs (l i j - m i) + e) tau (weight i j) (exp (l i j - m i)).
Proof. intros Hj. apply weight_off. apply logit_format. apply m_format. now apply block_largest. Qed.

Lemma rest_pos y t c0 : 0 <= c0 -> (forall i j, 0 <= t i j) -> 0 <= rest_bound y t c0 b.
Proof.
  intros Hc Ht. unfold rest_bound. apply Rmult_le_pos. left; apply exp_pos.
  assert (0 <= dsum b (fun i j => t i j + eta)) by (apply dsum_nonneg; intros i j _ _; generalize (Ht i j); lra).
  assert (0 <= dsum b (fun i j => Rabs (y i j))) by (apply dsum_nonneg; intros; apply Rabs_pos).
  assert (0 <= tau * dsum b (fun i j => Rabs (y i j))) by (apply Rmult_le_pos; assumption).
  assert (0 <= INR b * (tau * dsum b (fun i j => Rabs (y i j)) + 2 * eta)) by (apply Rmult_le_pos; [apply pos_INR|lra]). lra.
Qed.

Theorem total_error : Rabs (total - mass) <= Phi * mass.
Proof.
  assert (Sp := mass_ge_1).
  destruct (sum_near weight (fun _ _ => 1) (fun _ _ => tau) e e_pos) with (b := b) as [c [r [Ec [Hc Hr]]]].
  { intros i j Hj. rewrite Rmult_1_r. now apply weight_term. } { intros. assumption. }
  fold total_rest in Hr. unfold total. rewrite Ec. unfold mass at 1.
  replace (dsum b c + r - dsum b (fun i j => exp (l i j - M))) with (dsum b (fun i j => c i j - exp (l i j - M)) + r) by (rewrite dsum_minus; ring).
  apply Rle_trans with (1 := Rabs_triang _ _). unfold Phi. rewrite Rmult_plus_distr_r, <- dsum_scal_r.
  assert (R1 : Rabs r <= total_rest * mass).
  { apply Rle_trans with (1 := Hr). rewrite <- (Rmult_1_r total_rest) at 1. apply Rmult_le_compat_l; [|assumption].
    apply rest_pos. assumption. intros. assumption. }
  apply Rplus_le_compat; [|assumption]. apply Rle_trans with (1 := dsum_abs _ _). apply dsum_le. intros i j Hi Hj.
  specialize (Hc i j Hi Hj). rewrite Rmult_1_r in Hc. apply Rle_trans with (1 := near_abs _ _ _ Hc).
  rewrite (Rabs_pos_eq (exp (l i j - M))) by (left; apply exp_pos). rewrite share_is at 1. right. ring.
Qed.
Lemma Phi_pos : 0 <= Phi.
Proof.
  assert (T := total_error). assert (S := mass_ge_1). assert (0 <= Phi * mass) by (apply Rle_trans with (2 := T); apply Rabs_pos).
  apply Rnot_lt_le. intros Neg. assert (Phi * mass < 0); [|lra]. replace 0 with (0 * mass) by ring. apply Rmult_lt_compat_r; lra.
Qed.
Lemma total_near : exists th, Rabs th <= phi /\ total = mass * exp th.
Proof.
  apply near_relative. generalize Phi_pos. lra. assert (S := mass_ge_1). rewrite (Rabs_pos_eq mass) by lra. apply total_error.
Qed.
Lemma total_pos : 0 < total.
Proof.
  assert (S := mass_ge_1). destruct total_near as [th [_ ->]]. apply Rmult_lt_0_compat. lra. apply exp_pos.
Qed.
Lemma phi_pos : 0 <= phi.
Proof. destruct total_near as [th [H _]]. apply Rle_trans with (2 := H). apply Rabs_pos. Qed.

(* Divided by the total. *)
Lemma quotient (sum : (nat -> nat -> R) -> R) (c y d : nat -> nat -> R) (rest r X : R) (inside : nat -> nat -> Prop) :
  (forall f g, (forall i j, inside i j -> f i j <= g i j) -> sum f <= sum g) ->
  (forall f, Rabs (sum f) <= sum (fun i j => Rabs (f i j))) ->
  (forall f g, sum (fun i j => f i j - g i j) = sum f - sum g) -> (forall x f, sum (fun i j => f i j * x) = sum f * x) ->
  X = sum c + rest -> (forall i j, inside i j -> near (d i j) (c i j) (exp (l i j - M) * y i j)) -> Rabs rest <= r ->
  Rabs (rnd (X / total) - sum (fun i j => share i j * y i j))
  <= sum (fun i j => share i j * Rabs (y i j) * (exp (d i j + (phi + nu)) - 1)) + exp (phi + nu) * (r + eta).
Proof.
  intros Mono Abs Minus Scal EX Hc Hr. assert (Sp := mass_ge_1). assert (P := nu_pos). assert (Pp := phi_pos).
  destruct total_near as [th [Ht Et]]. destruct (rounded (X / total)) as [w [s [Hw [Hs ->]]]].
  set (k := / mass * exp (- th) * exp s).
  assert (Q : (X / total + w) * exp s = sum c * k + (rest * / mass * exp (- th) + w) * exp s).
  { rewrite EX, Et, exp_Ropp. unfold k. rewrite exp_Ropp. assert (G := exp_pos th). field. lra. }
  rewrite Q, <- Scal.
  replace (_ + _ - _) with (sum (fun i j => c i j * k - share i j * y i j) + (rest * / mass * exp (- th) + w) * exp s)
    by (rewrite Minus; ring).
  apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat.
  - apply Rle_trans with (1 := Abs _). apply Mono. intros i j Hij.
    assert (Nk : near (d i j + (phi + nu)) (c i j * k) (share i j * y i j)).
    { destruct (Hc i j Hij) as [x [Hx ->]]. exists (x + (- th + s)). split.
      - apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat. assumption.
        apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
      - unfold k, share. rewrite !exp_plus. field. lra. }
    apply Rle_trans with (1 := near_abs _ _ _ Nk). rewrite Rabs_mult, (Rabs_pos_eq (share i j)) by (left; apply share_pos). right. ring.
  - assert (G : forall x v, Rabs x <= v -> Rabs (exp x) <= exp v).
    { intros x v Hx. rewrite Rabs_pos_eq by (left; apply exp_pos). apply exp_le. apply Rabs_le_inv in Hx. lra. }
    assert (Gp := exp_ge_1 phi Pp). assert (Rp : 0 <= r) by (apply Rle_trans with (2 := Hr); apply Rabs_pos).
    replace (exp (phi + nu) * (r + eta)) with ((r * exp phi + eta * exp phi) * exp nu) by (rewrite exp_plus; ring).
    rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [|now apply G].
    apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat.
    + rewrite Rmult_assoc, Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos. assumption. rewrite Rabs_mult, <- (Rmult_1_l (exp phi)).
      apply Rmult_le_compat; try apply Rabs_pos; [|apply G; now rewrite Rabs_Ropp].
      rewrite Rabs_pos_eq. rewrite <- Rinv_1. apply Rinv_le; lra. left. apply Rinv_0_lt_compat. lra.
    + assert (eta * 1 <= eta * exp phi) by (apply Rmult_le_compat_l; assumption). lra.
Qed.

Theorem mean_error terms y t c0 : 0 <= c0 -> (forall i j, 0 <= t i j) ->
  (forall i j, (j < size i)%nat -> off (u * Rabs (l i j - m i) + c0) (t i j) (terms i j) (exp (l i j - m i) * y i j)) ->
  Rabs (rnd (combined terms b / total) - dsum b (fun i j => share i j * y i j))
  <= dsum b (fun i j => share i j * Rabs (y i j) * (exp (u * Rabs (l i j - M) + cost c0 b + (phi + nu)) - 1))
     + exp (phi + nu) * (rest_bound y t c0 b + eta).
Proof.
  intros Hc0 Ht Hterm. destruct (sum_near terms y t c0 Hc0 Hterm Ht b) as [c [r [Ec [Hc Hr]]]].
  apply (quotient (dsum b) c y _ r _ _ (fun i j => (i <= b)%nat /\ (j < size i)%nat)).
  - intros f g H. apply dsum_le. intros i j Hi Hj. apply H. now split.
  - apply dsum_abs.
  - apply dsum_minus.
  - intros x f. apply dsum_scal_r.
  - exact Ec.
  - intros i j [Hi Hj]. now apply Hc.
  - exact Hr.
Qed.

Theorem responsibility_error i j : (i <= b)%nat -> (j < size i)%nat ->
  Rabs (rnd (E (rnd (l i j - M)) / total) - share i j)
  <= share i j * (exp (u * Rabs (l i j - M) + e + (phi + nu)) - 1) + exp (phi + nu) * (tau + eta).
Proof.
  intros Hi Hj. destruct (weight_off (l i j) M (logit_format i j) (largest_format b) (below b i j Hi Hj)) as [th [w [Ht [Hw Ee]]]].
  assert (Q := quotient (fun f => f i j) (fun i j => exp (l i j - M) * exp th) (fun _ _ => 1) (fun i j => u * Rabs (l i j - M) + e) w tau
    (E (rnd (l i j - M))) (fun i' j' => i' = i /\ j' = j)). cbv beta in Q. rewrite Rabs_R1, !Rmult_1_r in Q. apply Q; auto.
  - intros f. apply Rle_refl.
  - intros i' j' [-> ->]. rewrite Rmult_1_r. now exists th.
Qed.

(* The logarithm. *)
Variable Ln : R -> R.
Variables lambda ln_rest limit : R.
Hypothesis ln_close : forall x, format x -> 0 < x <= limit -> format (Ln x) /\ Rabs (Ln x - ln x) <= lambda * Rabs (ln x) + ln_rest.
Hypothesis room : 2 * mass <= limit.

Lemma combined_format terms c : format 0 -> format (combined terms c).
Proof.
  intros F0. destruct c; cbn [combined]; [|apply format_rnd]. unfold sum_of. destruct (size 0); cbn [chain]. assumption. apply format_rnd.
Qed.

Theorem log_sum_exp_error : format 0 -> 0 <= lambda ->
  Rabs (rnd (M + Ln total) - ln (dsum b (fun i j => exp (l i j))))
  <= phi + (lambda * (ln mass + phi) + ln_rest) + u * Rabs (M + Ln total).
Proof.
  intros F0 Hl. assert (S := mass_ge_1). assert (Tp := total_pos). destruct total_near as [th [Ht Et]].
  assert (Tl : total <= limit).
  { assert (T := total_error). apply Rabs_le_inv in T. assert (Phi * mass <= 1 * mass) by (apply Rmult_le_compat_r; lra). lra. }
  destruct (ln_close total (combined_format _ _ F0) ltac:(lra)) as [FL L].
  assert (A := addition M (Ln total) (largest_format b) FL).
  assert (El : ln total = ln mass + th) by (rewrite Et, ln_mult, ln_exp; auto using exp_pos; lra).
  assert (Em : ln (dsum b (fun i j => exp (l i j))) = M + ln mass).
  { rewrite <- (ln_exp M) at 1. rewrite <- ln_mult; [|apply exp_pos|lra]. f_equal. unfold mass. rewrite Rmult_comm, <- dsum_scal_r.
    apply dsum_ext. intros. rewrite <- exp_plus. f_equal. ring. }
  assert (Lm : 0 <= ln mass).
  { rewrite <- ln_1. destruct S as [S|<-]. left. now apply ln_increasing; lra. lra. }
  assert (La : Rabs (ln total) <= ln mass + phi).
  { rewrite El. apply Rle_trans with (1 := Rabs_triang _ _). rewrite (Rabs_pos_eq (ln mass)) by assumption. lra. }
  assert (lambda * Rabs (ln total) <= lambda * (ln mass + phi)) by (apply Rmult_le_compat_l; assumption).
  rewrite Em. replace (rnd (M + Ln total) - (M + ln mass)) with ((rnd (M + Ln total) - (M + Ln total)) + ((Ln total - ln total) + th)) by (rewrite El; ring).
  apply Rle_trans with (1 := Rabs_triang _ _). generalize (Rabs_triang (Ln total - ln total) th). lra.
Qed.

(* The score and the denoiser of an isotropic mixture, a coordinate: p the precision, z the difference, q the denoised summand. *)
Variables p z q : nat -> nat -> R.
Definition score : R := - rnd (combined (fun i j => rnd (weight i j * p i j) * z i j) b / total).
Definition denoised (origin : R) : R := rnd (origin + rnd (combined (fun i j => weight i j * q i j) b / total)).
Definition score_rest : R := rest_bound (fun i j => p i j * z i j) (fun i j => (tau * Rabs (p i j) + eta) * exp nu * Rabs (z i j)) (e + nu) b.
Definition denoised_rest : R := rest_bound q (fun i j => tau * Rabs (q i j)) e b.

Theorem score_error : Rabs (score - - dsum b (fun i j => share i j * (p i j * z i j)))
  <= dsum b (fun i j => share i j * Rabs (p i j * z i j) * (exp (u * Rabs (l i j - M) + cost (e + nu) b + (phi + nu)) - 1))
     + exp (phi + nu) * (score_rest + eta).
Proof.
  unfold score. replace (- _ - - _) with (- (rnd (combined (fun i j => rnd (weight i j * p i j) * z i j) b / total)
    - dsum b (fun i j => share i j * (p i j * z i j)))) by ring.
  rewrite Rabs_Ropp. assert (P := nu_pos). apply mean_error. lra.
  - intros i j. assert (0 <= tau * Rabs (p i j)) by (apply Rmult_le_pos; [assumption|apply Rabs_pos]).
    repeat apply Rmult_le_pos; try apply Rabs_pos. lra. left; apply exp_pos.
  - intros i j Hj. rewrite <- Rmult_assoc. apply off_scale.
    destruct (off_scale _ _ _ _ (p i j) (weight_term i j Hj)) as [th [w [Ht [Hw Ew]]]].
    destruct (rounded (weight i j * p i j)) as [w2 [s [Hw2 [Hs ->]]]]. exists (th + s), ((w + w2) * exp s). repeat split.
    + apply Rle_trans with (1 := Rabs_triang _ _). lra.
    + rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos.
      apply Rle_trans with (1 := Rabs_triang _ _). lra. rewrite Rabs_pos_eq by (left; apply exp_pos). apply exp_le. apply Rabs_le_inv in Hs. lra.
    + rewrite Ew, exp_plus. ring.
Qed.

Theorem denoiser_error origin : let D := dsum b (fun i j => share i j * q i j) in
  let B := dsum b (fun i j => share i j * Rabs (q i j) * (exp (u * Rabs (l i j - M) + cost e b + (phi + nu)) - 1))
           + exp (phi + nu) * (denoised_rest + eta) in
  format origin -> Rabs (denoised origin - (origin + D)) <= B + u * (Rabs (origin + D) + B).
Proof.
  intros D B Fo. assert (H := mean_error (fun i j => weight i j * q i j) q (fun i j => tau * Rabs (q i j)) e e_pos).
  specialize (H ltac:(intros; apply Rmult_le_pos; [assumption|apply Rabs_pos]) ltac:(intros i j Hj; apply off_scale; now apply weight_term)).
  change (Rabs (rnd (combined (fun i j => weight i j * q i j) b / total) - D) <= B) in H. unfold denoised.
  set (x := rnd (combined _ b / total)) in *. assert (A := addition origin x Fo (format_rnd _)).
  assert (Rabs (origin + x) <= Rabs (origin + D) + B).
  { replace (origin + x) with ((origin + D) + (x - D)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (u * Rabs (origin + x) <= u * (Rabs (origin + D) + B)) by (apply Rmult_le_compat_l; lra).
  replace (rnd (origin + x) - (origin + D)) with ((rnd (origin + x) - (origin + x)) + (x - D)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.
End Softmax.
