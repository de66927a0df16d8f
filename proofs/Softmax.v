(* N4: log-sum-exp, the responsibilities and the score of a mixture in floating point, one block of components.

   The standard model: every rounding satisfies |rnd z - z| <= u |z|, so no rounding underflows or overflows (all arguments of the
   exponential are at most 0 and its values at most 1, so a sum of K of them is at most K; what is assumed is that none of them
   underflows). E is the computed exponential, Ln the computed logarithm, each with its bound. near d a b says that
   a = b e^theta for some |theta| <= d: such distances add up.
   In the order of src/law/reference.rs: the weight of component k is E(rnd(l_k - M)), M the largest computed logit, the total is
   added in index order from zero, a coordinate of the numerator is a chain of fused multiply-adds of rnd(weight p_k) and z_k from
   zero, p_k the precision of an isotropic component, and both are divided last. With logits l_k within Delta_k of the exact L_k,
     nu = -ln(1 - u), cost_k = Delta_k + u |l_k - M| + e and cost the largest cost_k,
     responsibility_error   the computed responsibility is near the exact one by cost_k + cost + (K + 1) nu;
     score_error            with p_k and z_k near their exact values by dp and dz, the computed score is within
                            (e^B - 1) sum r_k |V_k^-1 z_k| of the exact one, B = 2 cost + dp + dz + (2 K + 2) nu;
     log_sum_exp_error      the computed M + ln total is within cost + K nu + lambda + u |M + Ln total| of ln sum e^L_k. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums.
Open Scope R_scope.

Definition near (d a b : R) : Prop := exists th, Rabs th <= d /\ a = b * exp th.

Lemma near_mult d e a b x y : near d a x -> near e b y -> near (d + e) (a * b) (x * y).
Proof.
  intros [s [Hs ->]] [t [Ht ->]]. exists (s + t). split. apply Rle_trans with (1 := Rabs_triang _ _). lra.
  rewrite exp_plus. ring.
Qed.
Lemma near_div d e a b x y : near d a x -> near e b y -> y <> 0 -> near (d + e) (a / b) (x / y).
Proof.
  intros [s [Hs ->]] [t [Ht ->]] Hy. exists (s - t). split.
  - unfold Rminus. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
  - unfold Rminus. rewrite exp_plus, exp_Ropp. field. split. assert (P := exp_pos t). lra. assumption.
Qed.
Lemma near_trans d e a b c : near d a b -> near e b c -> near (d + e) a c.
Proof.
  intros [s [Hs ->]] [t [Ht ->]]. exists (s + t). split. apply Rle_trans with (1 := Rabs_triang _ _). lra.
  rewrite exp_plus. ring.
Qed.
Lemma near_weaken d e a b : near d a b -> d <= e -> near e a b.
Proof. intros [s [Hs E]] H. exists s. split. lra. assumption. Qed.
Lemma near_between d a b : 0 < b -> (near d a b <-> b * exp (- d) <= a <= b * exp d).
Proof.
  intros Hb. split.
  - intros [s [Hs ->]]. apply Rabs_le_between in Hs.
    assert (M : forall y z, y <= z -> exp y <= exp z).
    { intros y z [H| ->]. left. now apply exp_increasing. lra. }
    split; apply Rmult_le_compat_l; try lra; apply M; lra.
  - intros [L U]. assert (Ha : 0 < a).
    { apply Rlt_le_trans with (2 := L). apply Rmult_lt_0_compat. assumption. apply exp_pos. }
    assert (Q : 0 < a / b) by (apply Rdiv_lt_0_compat; assumption).
    exists (ln (a / b)). split. 2: rewrite exp_ln by assumption; field; lra.
    assert (I : forall y z, exp y <= exp z -> y <= z).
    { intros y z H. apply Rnot_lt_le. intros G. apply exp_increasing in G. lra. }
    apply Rabs_le. split; apply I; rewrite exp_ln by assumption; apply (Rmult_le_reg_l b); try assumption;
      replace (b * (a / b)) with a by (field; lra); lra.
Qed.
Lemma near_plus d a b x y : 0 < x -> 0 < y -> near d a x -> near d b y -> near d (a + b) (x + y).
Proof.
  intros Hx Hy Ha Hb. apply near_between in Ha; [|assumption]. apply near_between in Hb; [|assumption].
  apply near_between. lra. lra.
Qed.
(* In sums of either sign. *)
Lemma near_abs d a b : near d a b -> Rabs (a - b) <= (exp d - 1) * Rabs b.
Proof.
  intros [s [Hs ->]]. apply Rabs_le_between in Hs. replace (b * exp s - b) with (b * (exp s - 1)) by ring.
  rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r. apply Rabs_pos.
  assert (M : forall y z, y <= z -> exp y <= exp z).
  { intros y z [H| ->]. left. now apply exp_increasing. lra. }
  assert (U := M s d ltac:(lra)). assert (L := M (- d) s ltac:(lra)).
  assert (D : 1 - exp (- d) <= exp d - 1).
  { assert (P := exp_pos d). rewrite exp_Ropp. assert (0 <= (exp d - 1) * (exp d - 1)) by apply Rle_0_sqr.
    apply (Rmult_le_reg_l (exp d)). assumption. rewrite Rmult_minus_distr_l, Rinv_r; lra. }
  apply Rabs_le. lra.
Qed.

Lemma near_relative v a b : 0 <= v < 1 -> Rabs (a - b) <= v * Rabs b -> near (- ln (1 - v)) a b.
Proof.
  intros Hv H. destruct (Req_dec b 0) as [->|Hb].
  - rewrite Rabs_R0, Rmult_0_r, Rminus_0_r in H. exists 0. rewrite Rabs_R0, Rmult_0_l. split.
    + assert (ln (1 - v) <= 0); [|lra]. rewrite <- ln_1. destruct (Req_dec v 0) as [->|V].
      rewrite Rminus_0_r. lra. left. apply ln_increasing; lra.
    + destruct (Req_dec a 0) as [A|A]. assumption. apply Rabs_pos_lt in A. lra.
  - set (q := a / b). assert (E : a = b * q) by (unfold q; field; assumption).
    assert (B : Rabs (q - 1) <= v).
    { apply (Rmult_le_reg_r (Rabs b)). now apply Rabs_pos_lt. rewrite <- Rabs_mult.
      replace ((q - 1) * b) with (a - b) by (rewrite E; ring). assumption. }
    apply Rabs_le_between in B. rewrite E.
    assert (N : near (- ln (1 - v)) (1 * q) 1).
    { apply near_between. lra. rewrite Ropp_involutive, exp_Ropp, exp_ln by lra. rewrite !Rmult_1_l. split. lra.
      apply Rle_trans with (1 + v). lra. apply (Rmult_le_reg_r (1 - v)). lra. rewrite Rinv_l by lra.
      assert (0 <= v * v) by (apply Rmult_le_pos; lra). lra. }
    destruct N as [t [Ht Et]]. exists t. split. assumption. rewrite Rmult_1_l in Et. rewrite Et. ring.
Qed.

Section Mixture.
Variable rnd : R -> R.
Variable u : R.
Hypothesis u_range : 0 <= u < 1.
Hypothesis standard : forall z, Rabs (rnd z - z) <= u * Rabs z.
Definition nu : R := - ln (1 - u).

Lemma nu_pos : 0 <= nu.
Proof.
  unfold nu. assert (ln (1 - u) <= 0); [|lra]. rewrite <- ln_1. destruct (Req_dec u 0) as [->|H].
  rewrite Rminus_0_r. lra. left. apply ln_increasing; lra.
Qed.
Lemma near_rnd z : near nu (rnd z) z.
Proof. apply near_relative; auto. Qed.

Variables E Ln : R -> R.
Variables e lambda : R.
Hypothesis exp_near : forall x, x <= 0 -> near e (E x) (exp x).
Hypothesis ln_close : forall x, 0 < x -> Rabs (Ln x - ln x) <= lambda.

Variable K : nat.
Variables exact logit : nat -> R.
Variables Delta : nat -> R.
Variable M : R.
Hypothesis HK : (0 < K)%nat.
Hypothesis logits : forall k, (k < K)%nat -> Rabs (logit k - exact k) <= Delta k.
Hypothesis largest : forall k, (k < K)%nat -> logit k <= M.

Definition weight (k : nat) : R := E (rnd (logit k - M)).
Fixpoint total (k : nat) : R := match k with O => 0 | S j => rnd (total j + weight j) end.
Definition responsibility (k : nat) : R := rnd (weight k / total K).
Definition cost_at (k : nat) : R := Delta k + u * Rabs (logit k - M) + e.
Variable cost : R.
Hypothesis cost_is : forall k, (k < K)%nat -> cost_at k <= cost.
Definition share (k : nat) : R := exp (exact k) / rsum K (fun j => exp (exact j)).

Lemma weight_near k : (k < K)%nat -> near (cost_at k) (weight k) (exp (exact k - M)).
Proof.
  intros Hk. unfold weight, cost_at. set (x := logit k - M).
  assert (X : x <= 0) by (unfold x; generalize (largest k Hk); lra).
  assert (R0 : rnd x <= 0).
  { assert (S := standard x). rewrite (Rabs_left1 x) in S by assumption. apply Rabs_le_between in S.
    assert (u * - x <= 1 * - x) by (apply Rmult_le_compat_r; lra). lra. }
  replace (Delta k + u * Rabs x + e) with (e + (Delta k + u * Rabs x)) by ring.
  apply near_trans with (exp (rnd x)). now apply exp_near.
  exists (rnd x - (exact k - M)). split.
  - replace (rnd x - (exact k - M)) with ((rnd x - x) + (logit k - exact k)) by (unfold x; ring).
    apply Rle_trans with (1 := Rabs_triang _ _). generalize (standard x) (logits k Hk). lra.
  - rewrite <- exp_plus. f_equal. ring.
Qed.

Lemma total_near k : (0 < k <= K)%nat -> near (cost + INR k * nu) (total k) (rsum k (fun j => exp (exact j - M))).
Proof.
  induction k as [|k IH]; intros Hk. lia. rewrite S_INR. cbn [total rsum].
  assert (W : near cost (weight k) (exp (exact k - M))) by (apply (near_weaken _ _ _ _ (weight_near k ltac:(lia))), cost_is; lia).
  assert (N := nu_pos). replace (cost + (INR k + 1) * nu) with (nu + (cost + INR k * nu)) by ring.
  apply near_trans with (total k + weight k). apply near_rnd.
  destruct k as [|k]. simpl. rewrite !Rplus_0_l, Rmult_0_l, Rplus_0_r. assumption.
  apply near_plus. apply rsum_pos. lia. intros; apply exp_pos. apply exp_pos.
  - apply IH. lia.
  - apply (near_weaken _ _ _ _ W). assert (0 <= INR (S k) * nu) by (apply Rmult_le_pos; [apply pos_INR|assumption]). lra.
Qed.

Lemma shifted_sum : rsum K (fun j => exp (exact j - M)) = rsum K (fun j => exp (exact j)) * exp (- M).
Proof. rewrite <- rsum_scal_r. apply rsum_ext. intros. unfold Rminus. now rewrite exp_plus. Qed.
Lemma sum_pos : 0 < rsum K (fun j => exp (exact j)).
Proof. apply rsum_pos. assumption. intros; apply exp_pos. Qed.

Theorem responsibility_error k : (k < K)%nat -> near (cost_at k + cost + (INR K + 1) * nu) (responsibility k) (share k).
Proof.
  intros Hk. replace (cost_at k + cost + (INR K + 1) * nu) with (nu + (cost_at k + (cost + INR K * nu))) by ring.
  apply near_trans with (weight k / total K). apply near_rnd.
  assert (S := sum_pos). assert (P := exp_pos (- M)).
  replace (share k) with (exp (exact k - M) / rsum K (fun j => exp (exact j - M))).
  - apply near_div. now apply weight_near. apply total_near. lia. rewrite shifted_sum.
    apply Rmult_integral_contrapositive. lra.
  - rewrite shifted_sum. unfold share, Rminus. rewrite exp_plus. field. lra.
Qed.

Theorem log_sum_exp_error :
  Rabs (rnd (M + Ln (total K)) - ln (rsum K (fun j => exp (exact j))))
  <= cost + INR K * nu + lambda + u * Rabs (M + Ln (total K)).
Proof.
  destruct (total_near K) as [t [Ht Et]]. lia. assert (S := sum_pos). assert (P := exp_pos (- M)).
  assert (Tp : 0 < total K).
  { rewrite Et, shifted_sum. repeat apply Rmult_lt_0_compat; auto using exp_pos. }
  assert (EL : ln (total K) = ln (rsum K (fun j => exp (exact j))) - M + t).
  { rewrite Et, shifted_sum. rewrite ln_mult; [|now apply Rmult_lt_0_compat|apply exp_pos].
    rewrite ln_mult; [|assumption|assumption]. rewrite !ln_exp. ring. }
  assert (L := ln_close _ Tp). assert (R1 := standard (M + Ln (total K))).
  set (y := M + Ln (total K)) in *.
  replace (rnd y - ln (rsum K (fun j => exp (exact j)))) with ((rnd y - y) + ((Ln (total K) - ln (total K)) + t)).
  2: { unfold y. rewrite EL. ring. }
  apply Rle_trans with (1 := Rabs_triang _ _). generalize (Rabs_triang (Ln (total K) - ln (total K)) t). lra.
Qed.

(* One coordinate of the score of an isotropic mixture: p k stands for the precision 1/v_k, z k for x - a mu_k. *)
Variables p z p_exact z_exact : nat -> R.
Variables dp dz : R.
Hypothesis p_near : forall k, (k < K)%nat -> near dp (p k) (p_exact k).
Hypothesis z_near : forall k, (k < K)%nat -> near dz (z k) (z_exact k).
Hypothesis distances : 0 <= dp /\ 0 <= dz.
Fixpoint numerator (k : nat) : R := match k with O => 0 | S j => rnd (rnd (weight j * p j) * z j + numerator j) end.
Definition score : R := - rnd (numerator K / total K).
Definition score_exact : R := - rsum K (fun k => share k * (p_exact k * z_exact k)).

(* The chain is the sum of its terms, each a little off. *)
Lemma numerator_terms k : (k <= K)%nat -> exists c, numerator k = rsum k c /\
  forall i, (i < k)%nat -> near (cost + nu + dp + dz + INR k * nu) (c i) (exp (exact i - M) * p_exact i * z_exact i).
Proof.
  induction k as [|k IH]; intros Hk. exists (fun _ => 0). split. reflexivity. lia.
  destruct IH as [c [Ec Hc]]. lia. cbn [numerator]. rewrite S_INR. assert (N := nu_pos).
  destruct (near_rnd (rnd (weight k * p k) * z k + numerator k)) as [t [Ht ->]].
  exists (fun i => if Nat.eqb i k then rnd (weight k * p k) * z k * exp t else c i * exp t). split.
  - cbn [rsum]. rewrite Nat.eqb_refl, Ec, Rmult_plus_distr_r, <- (rsum_scal_r k (exp t) c), Rplus_comm. f_equal.
    apply rsum_ext. intros i Hi. destruct (Nat.eqb_spec i k). lia. reflexivity.
  - assert (T : forall x, near nu (x * exp t) x) by (intros x; now exists t).
    intros i Hi. destruct (Nat.eqb_spec i k) as [->|Hne].
    + apply near_weaken with (nu + ((nu + (cost_at k + dp)) + dz)).
      * apply near_trans with (1 := T _). apply near_mult; [|apply z_near; lia].
        apply near_trans with (1 := near_rnd _). apply near_mult. apply weight_near; lia. apply p_near; lia.
      * generalize (cost_is k ltac:(lia)) (Rmult_le_pos _ _ (pos_INR k) N). lra.
    + replace (cost + nu + dp + dz + (INR k + 1) * nu) with (nu + (cost + nu + dp + dz + INR k * nu)) by ring.
      apply near_trans with (1 := T _). apply Hc. lia.
Qed.

Theorem score_error : let B := 2 * cost + dp + dz + (2 * INR K + 2) * nu in
  Rabs (score - score_exact) <= (exp B - 1) * rsum K (fun k => share k * Rabs (p_exact k * z_exact k)).
Proof.
  intros B. destruct (numerator_terms K) as [c [Ec Hc]]. lia.
  assert (S := sum_pos). assert (P := exp_pos (- M)).
  destruct (near_rnd (numerator K / total K)) as [t [Ht Et]].
  assert (Q : rnd (numerator K / total K) = rsum K (fun k => c k / total K * exp t)).
  { rewrite Et, Ec. unfold Rdiv. rewrite <- !rsum_scal_r. reflexivity. }
  assert (D : forall k, (k < K)%nat -> near B (c k / total K * exp t) (share k * (p_exact k * z_exact k))).
  { intros k Hk. replace B with (nu + ((cost + nu + dp + dz + INR K * nu) + (cost + INR K * nu))) by (unfold B; ring).
    apply near_trans with (c k / total K). now exists t.
    replace (share k * (p_exact k * z_exact k))
      with (exp (exact k - M) * p_exact k * z_exact k / rsum K (fun j => exp (exact j - M))).
    - apply near_div. now apply Hc. apply total_near. lia. rewrite shifted_sum. apply Rmult_integral_contrapositive. lra.
    - rewrite shifted_sum. unfold share, Rminus. rewrite exp_plus. field. lra. }
  unfold score, score_exact. rewrite Q.
  replace (- _ - - _) with (- rsum K (fun k => c k / total K * exp t - share k * (p_exact k * z_exact k)))
    by (rewrite rsum_minus; ring).
  rewrite Rabs_Ropp, <- rsum_scal.
  assert (G : forall m f, Rabs (rsum m f) <= rsum m (fun k => Rabs (f k))).
  { intros m f. induction m as [|m IH]; simpl. rewrite Rabs_R0. lra. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  apply Rle_trans with (1 := G _ _). apply rsum_le. intros k Hk. apply Rle_trans with (1 := near_abs _ _ _ (D k Hk)).
  rewrite (Rabs_mult (share k)), (Rabs_pos_eq (share k)). lra.
  left. apply Rdiv_lt_0_compat. apply exp_pos. assumption.
Qed.
End Mixture.
