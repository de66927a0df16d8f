(* N4: the bound that the library reports is at least that of the theorems, in real numbers.

   src/law/bound counts from centres and radii of its own: of each logit, of each term of a mean, and intervals of the shares made of them.
   Here those are any numbers within which the exact and the computed values lie, hi and wd any upper bounds of the largest share and of its
   width, peak any number that no centre passes. Then, with the terms of bound/weights.rs and bound/mod.rs letter for letter,
     term_rounding     1.01 U (below + count + 6 + 6 blocks), below = min(peak - centre, 1200) + 2 min(radius, 1);
     of_total          1.01 sum term_rounding hi;     rounding = term_rounding + of_total + 2 U;
     mean_reported     sum wd |t - c| + hi (r + (|t| + r) rounding) + 2 blocks tiny (1 + |t| + r + reach),
   reported_score, reported_denoised, reported_share   what is computed is within them of what is exact.
   Where it holds: radii of logits up to 1/4, at most 64 components a block, roundings up to 1/1001 for logits within 1190 of the largest,
   and the rest of underflow of the total at most u/4. *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Weights Softmax.
Open Scope R_scope.

(* As Near.v's, for smaller numbers. *)
Lemma first_order_1000 x : 0 <= x <= 1 / 1001 -> exp x - 1 <= 1001 / 1000 * x.
Proof.
  intros H. assert (E := exp_ineq1_le (- x)). rewrite exp_Ropp in E. assert (P := exp_pos x).
  assert (exp x * (1 - x) <= 1).
  { apply Rle_trans with (exp x * / exp x). apply Rmult_le_compat_l; lra. rewrite Rinv_r; lra. }
  assert (exp x <= 1001 / 1000).
  { assert (exp x * (1000 / 1001) <= exp x * (1 - x)) by (apply Rmult_le_compat_l; lra). lra. }
  assert (exp x * x <= 1001 / 1000 * x) by (apply Rmult_le_compat_r; lra). lra.
Qed.
Lemma log_order_1000 v : 0 <= v <= 1 / 1001 -> - ln (1 - v) <= 1001 / 1000 * v.
Proof.
  intros H. assert (I := exp_ineq1_le (- ln (1 - v))). rewrite exp_Ropp, exp_ln in I by lra.
  assert (/ (1 - v) <= 1 + 1001 / 1000 * v); [|lra].
  apply (Rmult_le_reg_r (1 - v)). lra. rewrite Rinv_l by lra. assert (v * v <= v * (1 / 1001)) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Section Reported.
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

(* What the formats have (Functions.v): exp to 1.39 u, two roundings, what lies below the normal range. *)
Hypothesis u_small : u <= / 1048576.
Hypothesis costs : e + 2 * nu <= 34 / 10 * u /\ nu <= 1001 / 1000 * u /\ tau <= 17 / 10 * eta /\ tau <= u / 1000.

Variable size : nat -> nat.
Variables N b : nat.
Hypothesis sizes : forall i, (0 < size i <= N)%nat.
Notation dsum := (Sums.dsum size b).
Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).
Variables l L : nat -> nat -> R.
Variable m : nat -> R.
Hypothesis l_format : forall i j, format (l i j).
Hypothesis m_largest : forall i, (exists j, (j < size i)%nat /\ m i = l i j) /\ forall j, (j < size i)%nat -> l i j <= m i.
Notation M := (largest m b).
Notation share := (Softmax.share size l m b).
Notation Phi := (Softmax.Phi u eta e tau size l m N b).
Notation phi := (Softmax.phi u eta e tau size l m N b).
Notation cost c0 := (Softmax.cost u e tau N c0 b).

(* The library's numbers. *)
Variables U count peak : R.
Variables centre radius hi wd : nat -> nat -> R.
Hypothesis U_unit : u <= U.
Hypothesis count_is : INR N <= count /\ INR N <= 64.
Hypothesis l_close : forall i j, Rabs (l i j - centre i j) <= radius i j.
Hypothesis L_close : forall i j, Rabs (L i j - centre i j) <= radius i j.
Hypothesis radius_small : forall i j, radius i j <= / 4.
Hypothesis peak_above : forall i j, inside i j -> centre i j <= peak.
Hypothesis hi_above : forall i j, inside i j -> highest size b centre radius i j <= hi i j.
Hypothesis wd_above : forall i j, inside i j -> width size b centre radius i j <= wd i j.

Definition below (i j : nat) : R := Rmin (peak - centre i j) 1200 + 2 * Rmin (radius i j) 1.
Definition blocks : R := INR b + 1.
Definition term_rounding (i j : nat) : R := 101 / 100 * U * (below i j + count + 6 + 6 * blocks).
Definition of_total : R := 101 / 100 * dsum (fun i j => term_rounding i j * hi i j).
Definition rounding (i j : nat) : R := term_rounding i j + of_total + 2 * U.
Definition mean_reported (t r reach : nat -> nat -> R) (c : R) : R :=
  dsum (fun i j => wd i j * Rabs (t i j - c) + hi i j * (r i j + (Rabs (t i j) + r i j) * rounding i j)
    + 2 * blocks * (2 * eta) * (1 + (Rabs (t i j) + r i j) + reach i j)).

(* What lies further than 1190 below the largest. *)
Definition tail : R := exp (- 1188).
Hypothesis Phi_small : Phi <= 1 / 1001.
Hypothesis moderate : 1190 * u + cost (e + nu) + (phi + nu) <= 1 / 1001.
Hypothesis rest_small : dsum (fun _ _ => tail) + total_rest u eta e tau size N b <= u / 4.
Hypothesis tail_small : tail <= eta / 100.

Lemma some : inside 0%nat 0%nat.
Proof. split. lia. apply sizes. Qed.
Let size_le i : (size i <= N)%nat. Proof. apply sizes. Qed.
Let Phi_below : Phi < 1. Proof. lra. Qed.
Let Phi_nonneg : 0 <= Phi := Phi_pos rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
  size l m N size_le l_format m_largest b.
Let phi_nonneg : 0 <= phi := phi_pos rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
  size l m N size_le l_format m_largest b Phi_below.
Let nu_nonneg : 0 <= nu := nu_pos u u_range.
Let share_positive i j : 0 < share i j := share_pos size l m m_largest b i j.
Let shares : dsum share = 1 := shares_sum size l m m_largest b.

Lemma radius_nonneg i j : 0 <= radius i j.
Proof. apply Rle_trans with (2 := l_close i j). apply Rabs_pos. Qed.
Lemma share_softmax i j : share i j = softmax size b l i j.
Proof.
  unfold Softmax.share, softmax, mass. replace (dsum (fun i j => exp (l i j - M))) with (dsum (fun i j => exp (l i j)) * exp (- M)).
  2: { rewrite <- dsum_scal_r. apply dsum_ext. intros. unfold Rminus. now rewrite exp_plus. }
  unfold Rminus. rewrite exp_plus. assert (Ep := exp_pos (- M)). assert (Mp := mass_pos size b l 0 0 some). field. lra.
Qed.
Lemma share_hi i j : inside i j -> share i j <= hi i j.
Proof.
  intros H. rewrite share_softmax. apply Rle_trans with (2 := hi_above i j H). apply (share_between size b centre radius l i j); [exact l_close|exact H].
Qed.
Lemma hi_nonneg i j : inside i j -> 0 <= hi i j.
Proof. intros H. apply Rle_trans with (2 := share_hi i j H). left. apply share_positive. Qed.
Lemma hi_sum : 1 <= dsum hi.
Proof. rewrite <- shares. apply dsum_le. intros i j Hi Hj. apply share_hi. now split. Qed.
Lemma depth i j : inside i j -> 0 <= M - l i j <= peak - centre i j + / 2.
Proof.
  intros [Hi Hj]. split. generalize (Softmax.below size l m m_largest b i j Hi Hj). lra.
  destruct (largest_is size l m m_largest b) as [[i0 [j0 [Hi0 [Hj0 ->]]]] _].
  generalize (Rabs_le_inv _ _ (l_close i0 j0)) (Rabs_le_inv _ _ (l_close i j)) (radius_small i0 j0) (radius_small i j) (peak_above i0 j0 (conj Hi0 Hj0)). lra.
Qed.
Lemma blocks_1 : 1 <= blocks.
Proof. unfold blocks. generalize (pos_INR b). lra. Qed.
Lemma below_nonneg i j : inside i j -> 0 <= below i j.
Proof.
  intros H. unfold below. generalize (depth i j H) (radius_nonneg i j) (peak_above i j H). intros D R0 Pk.
  assert (0 <= Rmin (peak - centre i j) 1200) by (apply Rmin_glb; lra). assert (0 <= Rmin (radius i j) 1) by (apply Rmin_glb; lra). lra.
Qed.
Lemma count_nonneg : 0 <= count.
Proof. generalize (pos_INR N). lra. Qed.

(* Before the total: what a weight, its block's additions, the later blocks and a product cost. *)
Definition own (x : R) : R := u * (x + INR N + 35 / 10 + 341 / 100 * INR b).
Lemma own_cost x : 0 <= x -> u * x + cost (e + nu) + nu <= own x.
Proof.
  intros Hx. unfold Softmax.cost, step_cost, own. assert (Pn := pos_INR N). assert (Pb := pos_INR b). destruct costs as [C1 [C2 [C3 C4]]].
  assert (INR N * nu <= INR N * (1001 / 1000 * u)) by (apply Rmult_le_compat_l; lra).
  assert (INR N * u <= 64 * u) by (apply Rmult_le_compat_r; lra).
  assert (INR b * (e + tau + 2 * nu) <= INR b * (341 / 100 * u)) by (apply Rmult_le_compat_l; lra). lra.
Qed.
Lemma own_term i j : inside i j -> M - l i j <= 1190 -> 1001 / 1000 * own (M - l i j) + 5 * u <= 100 / 101 * term_rounding i j.
Proof.
  intros H Hx. assert (D := depth i j H). assert (Pb := pos_INR b). assert (Pn := pos_INR N).
  assert (B : M - l i j - / 2 <= below i j).
  { unfold below. assert (0 <= Rmin (radius i j) 1) by (apply Rmin_glb; [apply radius_nonneg|lra]).
    assert (M - l i j - / 2 <= Rmin (peak - centre i j) 1200) by (apply Rmin_glb; lra). lra. }
  unfold term_rounding, own. replace (100 / 101 * (101 / 100 * U * (below i j + count + 6 + 6 * blocks))) with (U * (below i j + count + 6 + 6 * blocks)) by field.
  assert (0 <= below i j) by now apply below_nonneg. assert (Pc := count_nonneg). assert (B1 := blocks_1).
  apply Rle_trans with (u * (below i j + count + 6 + 6 * blocks)). 2: apply Rmult_le_compat_r; lra.
  replace (1001 / 1000 * (u * (M - l i j + INR N + 35 / 10 + 341 / 100 * INR b)) + 5 * u)
    with (u * (1001 / 1000 * (M - l i j + INR N + 35 / 10 + 341 / 100 * INR b) + 5)) by ring.
  apply Rmult_le_compat_l. lra. unfold blocks. lra.
Qed.
Lemma share_exp i j : inside i j -> share i j <= exp (- (M - l i j)).
Proof.
  intros H. unfold Softmax.share. assert (S := mass_ge_1 size l m m_largest b). replace (- (M - l i j)) with (l i j - M) by ring.
  assert (P := exp_pos (l i j - M)). apply (Rmult_le_reg_r (mass size l m b)). lra. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
  assert (exp (l i j - M) * 1 <= exp (l i j - M) * mass size l m b) by (apply Rmult_le_compat_l; lra). lra.
Qed.
(* A component's cost: to first order, or beyond 1190 next to nothing. *)
Lemma split_cost v i j : inside i j -> 0 <= v -> 1190 * u + v <= 1 / 1001 ->
  share i j * (exp (u * Rabs (l i j - M) + v) - 1) <= tail
  \/ (M - l i j <= 1190 /\ exp (u * Rabs (l i j - M) + v) - 1 <= 1001 / 1000 * (u * (M - l i j) + v)).
Proof.
  intros H Hv Hm. destruct (depth i j H) as [D _]. rewrite (Rabs_left1 (l i j - M)) by lra. replace (- (l i j - M)) with (M - l i j) by ring.
  set (x := M - l i j) in *. destruct (Rle_lt_dec x 1190) as [Hx|Hx].
  - right. split. exact Hx. assert (0 <= u * x <= u * 1190) by (split; [apply Rmult_le_pos; lra|apply Rmult_le_compat_l; lra]). apply first_order_1000. lra.
  - left. apply Rle_trans with (share i j * exp (u * x + v)). apply Rmult_le_compat_l. left; apply share_positive. lra.
    apply Rle_trans with (exp (- x) * exp (u * x + v)). apply Rmult_le_compat_r. left; apply exp_pos. now apply share_exp.
    rewrite <- exp_plus. apply exp_le. assert (u * x <= / 1048576 * x) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma cost_split c0 : cost (c0 + nu) = cost c0 + nu.
Proof. unfold Softmax.cost. ring. Qed.
Lemma cost_nonneg c0 : 0 <= c0 -> 0 <= cost c0.
Proof. intros H. apply Softmax.cost_pos; assumption. Qed.

Lemma total_reported : phi + 4 * u <= 1001 / 1000 * (100 / 101 * dsum (fun i j => term_rounding i j * hi i j)).
Proof.
  assert (S : Phi <= dsum (fun i j => hi i j * (100 / 101 * term_rounding i j - 5 * u)) + u / 4).
  { unfold Softmax.Phi. apply Rle_trans with (dsum (fun i j => hi i j * (100 / 101 * term_rounding i j - 5 * u) + tail) + total_rest u eta e tau size N b).
    - apply Rplus_le_compat_r. apply dsum_le. intros i j Hi Hj. assert (H : inside i j) by now split.
      assert (Ce := cost_nonneg e e_pos). assert (Cs := cost_split e). assert (Hh := hi_nonneg i j H). assert (Hs := share_hi i j H).
      destruct (split_cost (cost e) i j H Ce ltac:(lra)) as [T|[Hx F]].
      + assert (0 <= hi i j * (100 / 101 * term_rounding i j - 5 * u)); [|lra]. apply Rmult_le_pos. assumption.
        unfold term_rounding. replace (100 / 101 * (101 / 100 * U * (below i j + count + 6 + 6 * blocks))) with (U * (below i j + count + 6 + 6 * blocks)) by field.
        assert (B0 := below_nonneg i j H). assert (Pc := count_nonneg). assert (B1 := blocks_1).
        assert (u * 5 <= U * (below i j + count + 6 + 6 * blocks)) by (apply Rmult_le_compat; lra). lra.
      + assert (O := own_term i j H Hx). destruct (depth i j H) as [D _]. assert (C := own_cost (M - l i j) D).
        assert (0 <= exp (u * Rabs (l i j - M) + cost e) - 1).
        { assert (1 <= exp (u * Rabs (l i j - M) + cost e)); [|lra]. apply exp_ge_1. assert (0 <= u * Rabs (l i j - M)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). lra. }
        assert (share i j * (exp (u * Rabs (l i j - M) + cost e) - 1) <= hi i j * (100 / 101 * term_rounding i j - 5 * u)).
        { apply Rmult_le_compat; try lra. left; apply share_positive. }
        assert (T := exp_pos (- 1188)). fold tail in T. lra.
    - rewrite (dsum_plus b (fun i j => hi i j * (100 / 101 * term_rounding i j - 5 * u)) (fun _ _ => tail)). lra. }
  rewrite (dsum_ext b _ (fun i j => term_rounding i j * hi i j * (100 / 101) - hi i j * (5 * u))) in S by (intros; ring).
  rewrite dsum_minus, !dsum_scal_r in S. assert (H1 := hi_sum). assert (u * 5 * 1 <= u * 5 * dsum hi) by (apply Rmult_le_compat_l; lra).
  assert (G := log_order_1000 Phi (conj Phi_nonneg Phi_small)). change (- ln (1 - Phi)) with phi in G. lra.
Qed.

Lemma rounding_covers c0 i j : inside i j -> 0 <= c0 <= e + nu ->
  share i j * (exp (u * Rabs (l i j - M) + cost c0 + (phi + nu)) - 1) <= hi i j * rounding i j + tail.
Proof.
  intros H Hc. assert (Cp := cost_nonneg c0 (proj1 Hc)).
  assert (Cm : cost c0 <= cost (e + nu)) by (unfold Softmax.cost; lra).
  rewrite Rplus_assoc. assert (Hh := hi_nonneg i j H). assert (Hs := share_hi i j H). assert (B0 := below_nonneg i j H). assert (Pc := count_nonneg).
  assert (B1 := blocks_1). assert (Tp : 0 <= term_rounding i j) by (unfold term_rounding; repeat apply Rmult_le_pos; lra).
  assert (Tot := total_reported).
  assert (Op : 0 <= of_total).
  { unfold of_total. apply Rmult_le_pos. lra. lra. }
  assert (Ot : 1001 / 1000 * phi <= of_total) by (unfold of_total; lra).
  destruct (split_cost (cost c0 + (phi + nu)) i j H ltac:(lra) ltac:(lra)) as [T|[Hx F]].
  - assert (0 <= hi i j * rounding i j); [|lra]. apply Rmult_le_pos. assumption. unfold rounding. lra.
  - assert (O := own_term i j H Hx). destruct (depth i j H) as [D _]. assert (C := own_cost (M - l i j) D).
    assert (0 <= exp (u * Rabs (l i j - M) + (cost c0 + (phi + nu))) - 1).
    { assert (1 <= exp (u * Rabs (l i j - M) + (cost c0 + (phi + nu)))); [|lra]. apply exp_ge_1. assert (0 <= u * Rabs (l i j - M)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). lra. }
    assert (share i j * (exp (u * Rabs (l i j - M) + (cost c0 + (phi + nu))) - 1) <= hi i j * rounding i j).
    { apply Rmult_le_compat; try lra. left; apply share_positive. unfold rounding. lra. }
    assert (T := exp_pos (- 1188)). fold tail in T. lra.
Qed.

(* A mean: y' what is averaged as computed, y as it is exactly, t between them. *)
Theorem reported_mean c0 y' y t r c rest X : 0 <= c0 <= e + nu -> (forall i j, Rabs (y' i j - t i j) + Rabs (t i j - y i j) <= r i j) ->
  Rabs (X - dsum (fun i j => share i j * y' i j))
    <= dsum (fun i j => share i j * Rabs (y' i j) * (exp (u * Rabs (l i j - M) + cost c0 + (phi + nu)) - 1)) + rest ->
  Rabs (X - dsum (fun i j => softmax size b L i j * y i j))
  <= dsum (fun i j => wd i j * Rabs (t i j - c) + hi i j * (r i j + (Rabs (t i j) + r i j) * rounding i j) + (Rabs (t i j) + r i j) * tail) + rest.
Proof.
  intros Hc Hy HX.
  assert (S1 := softmax_sum size b l 0 0 some). assert (S2 := softmax_sum size b L 0 0 some).
  assert (Y : forall i j, Rabs (y' i j) <= Rabs (t i j) + r i j).
  { intros i j. replace (y' i j) with (t i j + (y' i j - t i j)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). generalize (Hy i j) (Rabs_pos (t i j - y i j)). lra. }
  assert (Mv : Rabs (dsum (fun i j => share i j * y' i j) - dsum (fun i j => softmax size b L i j * y i j))
    <= dsum (fun i j => wd i j * Rabs (t i j - c) + hi i j * r i j)).
  { replace (_ - _) with (dsum (fun i j => (softmax size b l i j - softmax size b L i j) * (t i j - c)
      + (softmax size b l i j * (y' i j - t i j) + softmax size b L i j * (t i j - y i j)))).
    - apply Rle_trans with (1 := dsum_abs _ _). apply dsum_le. intros i j Hi Hj. assert (H : inside i j) by now split.
      assert (A1 := share_between size b centre radius l i j l_close H). assert (A2 := share_between size b centre radius L i j L_close H).
      assert (P1 := softmax_pos size b l i j H). assert (P2 := softmax_pos size b L i j H). assert (W := wd_above i j H). assert (Hh := hi_above i j H).
      apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat.
      + rewrite Rabs_mult. apply Rmult_le_compat_r. apply Rabs_pos. apply Rabs_le. unfold width in W. lra.
      + apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult, !(Rabs_pos_eq (softmax _ _ _ _ _)) by lra.
        assert (softmax size b l i j * Rabs (y' i j - t i j) <= hi i j * Rabs (y' i j - t i j)) by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]).
        assert (softmax size b L i j * Rabs (t i j - y i j) <= hi i j * Rabs (t i j - y i j)) by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]).
        assert (hi i j * (Rabs (y' i j - t i j) + Rabs (t i j - y i j)) <= hi i j * r i j) by (apply Rmult_le_compat_l; [lra|apply Hy]). lra.
    - rewrite (dsum_ext b _ (fun i j => (share i j * y' i j - softmax size b L i j * y i j) - (softmax size b l i j * c - softmax size b L i j * c)))
        by (intros; rewrite share_softmax; ring).
      rewrite !dsum_minus, !dsum_scal_r, S1, S2. ring. }
  assert (R1 : dsum (fun i j => share i j * Rabs (y' i j) * (exp (u * Rabs (l i j - M) + cost c0 + (phi + nu)) - 1))
    <= dsum (fun i j => hi i j * ((Rabs (t i j) + r i j) * rounding i j) + (Rabs (t i j) + r i j) * tail)).
  { apply dsum_le. intros i j Hi Hj. assert (C := rounding_covers c0 i j (conj Hi Hj) Hc).
    assert (0 <= share i j * (exp (u * Rabs (l i j - M) + cost c0 + (phi + nu)) - 1)).
    { apply Rmult_le_pos. left; apply share_positive. assert (1 <= exp (u * Rabs (l i j - M) + cost c0 + (phi + nu))); [|lra]. apply exp_ge_1.
      assert (0 <= u * Rabs (l i j - M)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). generalize (cost_nonneg c0 (proj1 Hc)). lra. }
    apply Rle_trans with (Rabs (y' i j) * (share i j * (exp (u * Rabs (l i j - M) + cost c0 + (phi + nu)) - 1))). right; ring.
    apply Rle_trans with ((Rabs (t i j) + r i j) * (hi i j * rounding i j + tail)). 2: right; ring.
    apply Rmult_le_compat; auto using Rabs_pos. }
  replace (X - dsum (fun i j => softmax size b L i j * y i j)) with ((X - dsum (fun i j => share i j * y' i j))
    + (dsum (fun i j => share i j * y' i j) - dsum (fun i j => softmax size b L i j * y i j))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _).
  rewrite (dsum_ext b (fun i j => wd i j * Rabs (t i j - c) + _ + _) (fun i j => (wd i j * Rabs (t i j - c) + hi i j * r i j)
    + (hi i j * ((Rabs (t i j) + r i j) * rounding i j) + (Rabs (t i j) + r i j) * tail))) by (intros; ring).
  rewrite dsum_plus. lra.
Qed.
Lemma grown v : v <= cost (e + nu) + (phi + nu) -> exp v <= 1001 / 1000.
Proof.
  intros H. assert (C := cost_nonneg (e + nu) ltac:(lra)). apply Rle_trans with (exp (cost (e + nu) + (phi + nu))). now apply exp_le.
  assert (F := first_order_1000 (cost (e + nu) + (phi + nu)) ltac:(lra)). lra.
Qed.
Lemma component_count : 1 <= dsum (fun _ _ => 1).
Proof. apply (dsum_member size b (fun _ _ => 1) 0 0). intros; lra. exact some. Qed.

(* The rest of underflow of a mean: y the terms, s at least their size, q at least what a product before the term meets. *)
Lemma rest_covered c0 y tt s q : 0 <= c0 <= e + nu -> (forall i j, Rabs (y i j) <= s i j) -> (forall i j, 0 <= q i j) ->
  (forall i j, tt i j <= 1001 / 1000 * (tau * s i j + eta * q i j)) ->
  dsum (fun i j => s i j * tail) + exp (phi + nu) * (rest_bound u eta e tau size N y tt c0 b + eta)
  <= dsum (fun i j => 2 * blocks * (2 * eta) * (1 + s i j + q i j)).
Proof.
  intros Hc Hy Hq Ht. destruct costs as [C1 [C2 [C3 C4]]]. assert (Pb := pos_INR b). assert (K := component_count).
  assert (Sp : forall i j, 0 <= s i j) by (intros; apply Rle_trans with (2 := Hy i j); apply Rabs_pos).
  set (S := dsum s). set (Q := dsum q). set (n := dsum (fun _ _ => 1)) in *.
  assert (S0 : 0 <= S) by (apply dsum_nonneg; auto). assert (Q0 : 0 <= Q) by (apply dsum_nonneg; auto).
  assert (T1 : dsum (fun i j => tt i j + eta) <= 1001 / 1000 * (17 / 10 * eta * S + eta * Q) + n * eta).
  { unfold S, Q, n. apply Rle_trans with (dsum (fun i j => (s i j * (17 / 10 * eta) + q i j * eta) * (1001 / 1000) + 1 * eta)).
    - apply dsum_le. intros i j _ _. assert (tau * s i j <= 17 / 10 * eta * s i j) by (apply Rmult_le_compat_r; auto). generalize (Ht i j). lra.
    - rewrite dsum_plus, !dsum_scal_r, dsum_plus, !dsum_scal_r. right. ring. }
  assert (T2 : dsum (fun i j => Rabs (y i j)) <= S) by (apply dsum_le; auto).
  assert (T3 : tau * dsum (fun i j => Rabs (y i j)) <= 17 / 10 * eta * S).
  { apply Rmult_le_compat; try lra. apply dsum_nonneg. intros; apply Rabs_pos. }
  assert (G : exp (phi + nu) * exp (cost c0) <= 1001 / 1000).
  { rewrite <- exp_plus. apply grown. unfold Softmax.cost. lra. }
  assert (G2 : exp (phi + nu) <= 1001 / 1000) by (apply grown; generalize (cost_nonneg (e + nu) ltac:(lra)); lra).
  set (Z := dsum (fun i j => tt i j + eta) + INR b * (tau * dsum (fun i j => Rabs (y i j)) + 2 * eta)).
  assert (Zb : Z <= 1001 / 1000 * (17 / 10 * eta * S + eta * Q) + n * eta + INR b * (17 / 10 * eta * S + 2 * eta)).
  { unfold Z. apply Rplus_le_compat. exact T1. apply Rmult_le_compat_l; lra. }
  set (W := 1001 / 1000 * (17 / 10 * eta * S + eta * Q) + n * eta + INR b * (17 / 10 * eta * S + 2 * eta)) in *.
  assert (ES : 0 <= eta * S) by (apply Rmult_le_pos; lra). assert (EQ : 0 <= eta * Q) by (apply Rmult_le_pos; lra).
  assert (En : eta * 1 <= eta * n) by (apply Rmult_le_compat_l; lra).
  assert (bES : 0 <= INR b * (eta * S)) by (apply Rmult_le_pos; lra). assert (bEQ : 0 <= INR b * (eta * Q)) by (apply Rmult_le_pos; lra).
  assert (bEn : INR b * (eta * 1) <= INR b * (eta * n)) by (apply Rmult_le_compat_l; lra). assert (bE : 0 <= INR b * (eta * 1)) by (apply Rmult_le_pos; lra).
  assert (W0 : 0 <= W) by (unfold W; lra).
  assert (X1 : exp (phi + nu) * (exp (cost c0) * Z) <= 1001 / 1000 * W).
  { apply Rle_trans with (exp (phi + nu) * exp (cost c0) * W).
    - rewrite <- Rmult_assoc. apply Rmult_le_compat_l. apply Rmult_le_pos; left; apply exp_pos. exact Zb.
    - apply Rmult_le_compat_r; assumption. }
  assert (X2 : exp (phi + nu) * eta <= 1001 / 1000 * eta) by (apply Rmult_le_compat_r; lra).
  assert (X3 : dsum (fun i j => s i j * tail) <= S * (eta / 100)).
  { unfold S. rewrite <- dsum_scal_r. apply dsum_le. intros. apply Rmult_le_compat_l; auto. }
  assert (R : dsum (fun i j => 2 * blocks * (2 * eta) * (1 + s i j + q i j)) = 4 * (INR b + 1) * eta * (n + S + Q)).
  { rewrite (dsum_ext b _ (fun i j => (1 + s i j + q i j) * (4 * (INR b + 1) * eta))) by (intros; unfold blocks; ring).
    rewrite dsum_scal_r, (dsum_plus b (fun i j => 1 + s i j) q), (dsum_plus b (fun _ _ => 1) s). fold n S Q. ring. }
  rewrite R. unfold rest_bound. fold Z. rewrite Rmult_plus_distr_l. unfold W in X1. lra.
Qed.

Lemma mean_reported_is t r reach c : mean_reported t r reach c
  = dsum (fun i j => wd i j * Rabs (t i j - c) + hi i j * (r i j + (Rabs (t i j) + r i j) * rounding i j))
    + dsum (fun i j => 2 * blocks * (2 * eta) * (1 + (Rabs (t i j) + r i j) + reach i j)).
Proof. unfold mean_reported. apply dsum_plus. Qed.
Lemma term_size (y' y t r : nat -> nat -> R) : (forall i j, Rabs (y' i j - t i j) + Rabs (t i j - y i j) <= r i j) ->
  forall i j, Rabs (y' i j) <= Rabs (t i j) + r i j.
Proof.
  intros H i j. replace (y' i j) with (t i j + (y' i j - t i j)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
  generalize (H i j) (Rabs_pos (t i j - y i j)). lra.
Qed.

(* The score, a coordinate: p the table of 1/v, z the difference, both as computed. *)
Theorem reported_score p z y t r reach c : (forall i j, Rabs (p i j * z i j - t i j) + Rabs (t i j - y i j) <= r i j) ->
  (forall i j, Rabs (z i j) <= reach i j) ->
  Rabs (Softmax.score rnd E size l m b p z - - dsum (fun i j => softmax size b L i j * y i j)) <= mean_reported t r reach c.
Proof.
  intros Hy Hz. set (X := Softmax.score rnd E size l m b p z).
  assert (H := score_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b Phi_below p z). fold X in H.
  replace (X - - dsum (fun i j => softmax size b L i j * y i j)) with (- (- X - dsum (fun i j => softmax size b L i j * y i j))) by ring. rewrite Rabs_Ropp.
  apply Rle_trans with (1 := reported_mean (e + nu) (fun i j => p i j * z i j) y t r c (exp (phi + nu) * (score_rest u eta e tau size N b p z + eta)) (- X)
    ltac:(lra) Hy ltac:(rewrite <- Rabs_Ropp; replace (- (- X - _)) with (X - - dsum (fun i j => share i j * (p i j * z i j))) by ring; exact H)).
  rewrite (dsum_plus b (fun i j => wd i j * Rabs (t i j - c) + _)), mean_reported_is, Rplus_assoc. apply Rplus_le_compat_l.
  assert (Sz := term_size (fun i j => p i j * z i j) y t r Hy).
  apply (rest_covered (e + nu)). lra. exact Sz. intros; apply Rle_trans with (2 := Hz i j); apply Rabs_pos.
  intros i j. assert (Gn : exp nu <= 1001 / 1000) by (apply grown; generalize (cost_nonneg (e + nu) ltac:(lra)); lra).
  replace ((tau * Rabs (p i j) + eta) * exp nu * Rabs (z i j)) with (exp nu * (tau * Rabs (p i j * z i j) + eta * Rabs (z i j))) by (rewrite Rabs_mult; ring).
  apply Rmult_le_compat. left; apply exp_pos. 2: exact Gn.
  - assert (0 <= tau * Rabs (p i j * z i j)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]).
    assert (0 <= eta * Rabs (z i j)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). lra.
  - apply Rplus_le_compat; apply Rmult_le_compat_l; auto.
Qed.

(* What the denoiser adds to the origin, q the summand as computed. *)
Theorem reported_denoised q y t r reach c : (forall i j, Rabs (q i j - t i j) + Rabs (t i j - y i j) <= r i j) -> (forall i j, 0 <= reach i j) ->
  Rabs (rnd (combined rnd E size m (fun i j => Softmax.weight rnd E l m i j * q i j) b / Softmax.total rnd E size l m b)
    - dsum (fun i j => softmax size b L i j * y i j)) <= mean_reported t r reach c.
Proof.
  intros Hy Hz.
  assert (H := mean_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b Phi_below (fun i j => Softmax.weight rnd E l m i j * q i j) q
    (fun i j => tau * Rabs (q i j)) e e_pos ltac:(intros; apply Rmult_le_pos; [assumption|apply Rabs_pos])
    ltac:(intros i j Hj; apply off_scale; now apply (weight_term rnd format u e tau u_range addition format_opp format_rnd E exp_off size l m l_format m_largest))).
  apply Rle_trans with (1 := reported_mean e q y t r c _ _ ltac:(lra) Hy H).
  rewrite (dsum_plus b (fun i j => wd i j * Rabs (t i j - c) + _)), mean_reported_is, Rplus_assoc. apply Rplus_le_compat_l.
  assert (Sz := term_size q y t r Hy). apply (rest_covered e). lra. exact Sz. exact Hz.
  intros i j. assert (0 <= eta * reach i j) by (apply Rmult_le_pos; auto).
  assert (tau * Rabs (q i j) <= tau * (Rabs (t i j) + r i j)) by (apply Rmult_le_compat_l; auto).
  assert (0 <= tau * Rabs (q i j)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). lra.
Qed.

Theorem reported_share i j : inside i j ->
  Rabs (rnd (E (rnd (l i j - M)) / Softmax.total rnd E size l m b) - softmax size b L i j) <= wd i j + 2 * (2 * eta) + hi i j * rounding i j.
Proof.
  intros H. assert (R := responsibility_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b Phi_below i j (proj1 H) (proj2 H)).
  assert (C := rounding_covers e i j H ltac:(lra)). assert (G2 : exp (phi + nu) <= 1001 / 1000) by (apply grown; generalize (cost_nonneg (e + nu) ltac:(lra)); lra).
  assert (A1 := share_between size b centre radius l i j l_close H). assert (A2 := share_between size b centre radius L i j L_close H).
  assert (W := wd_above i j H). unfold width in W. rewrite <- share_softmax in A1.
  assert (share i j * (exp (u * Rabs (l i j - M) + e + (phi + nu)) - 1) <= share i j * (exp (u * Rabs (l i j - M) + cost e + (phi + nu)) - 1)).
  { apply Rmult_le_compat_l. left; apply share_positive. assert (exp (u * Rabs (l i j - M) + e + (phi + nu)) <= exp (u * Rabs (l i j - M) + cost e + (phi + nu))); [|lra].
    apply exp_le. unfold Softmax.cost, step_cost. assert (0 <= INR N * nu) by (apply Rmult_le_pos; [apply pos_INR|lra]).
    assert (0 <= INR b * (e + tau + 2 * nu)) by (apply Rmult_le_pos; [apply pos_INR|lra]). lra. }
  assert (exp (phi + nu) * (tau + eta) <= 1001 / 1000 * (27 / 10 * eta)) by (apply Rmult_le_compat; try lra; left; apply exp_pos).
  set (X := rnd _) in *. replace (X - softmax size b L i j) with ((X - share i j) + (share i j - softmax size b L i j)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _).
  assert (Rabs (share i j - softmax size b L i j) <= wd i j) by (apply Rabs_le; lra). lra.
Qed.
End Reported.
