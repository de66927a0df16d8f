(* Distances between a computed and an exact number, for the analyses of floating point.

   near d a b: a = b e^theta for some |theta| <= d; such distances add up along products, quotients and sums of positive numbers.
   off d t a b: a = b e^theta + w with |theta| <= d and |w| <= t, where numbers may lie below the normal range. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Import Core.
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

Lemma near_refl a : near 0 a a.
Proof. exists 0. rewrite Rabs_R0, exp_0. split; lra. Qed.
Lemma near_scale d a b x : near d a b -> near d (a * x) (b * x).
Proof. intros [s [H ->]]. exists s. split. assumption. ring. Qed.
Lemma exp_le y z : y <= z -> exp y <= exp z.
Proof. intros [H| ->]. left. now apply exp_increasing. lra. Qed.
Lemma exp_ge_1 x : 0 <= x -> 1 <= exp x.
Proof. intros H. rewrite <- exp_0. now apply exp_le. Qed.
Lemma near_size d a b : near d a b -> Rabs a <= Rabs b * exp d.
Proof.
  intros [s [H ->]]. rewrite Rabs_mult, (Rabs_pos_eq (exp s)) by (left; apply exp_pos). apply Rmult_le_compat_l. apply Rabs_pos.
  apply exp_le. apply Rabs_le_inv in H. lra.
Qed.
(* What a relative error costs to first order. *)
Lemma first_order x : 0 <= x <= 1 / 101 -> exp x - 1 <= 101 / 100 * x.
Proof.
  intros H. assert (E := exp_ineq1_le (- x)). rewrite exp_Ropp in E. assert (P := exp_pos x).
  assert (exp x * (1 - x) <= 1).
  { apply Rle_trans with (exp x * / exp x). apply Rmult_le_compat_l; lra. rewrite Rinv_r; lra. }
  assert (1 + x <= exp x) by apply exp_ineq1_le.
  assert (exp x <= 101 / 100).
  { assert (exp x * (100 / 101) <= exp x * (1 - x)) by (apply Rmult_le_compat_l; lra). lra. }
  assert (exp x * x <= 101 / 100 * x) by (apply Rmult_le_compat_r; lra).
  lra.
Qed.

Definition off (d t a b : R) : Prop := exists th w, Rabs th <= d /\ Rabs w <= t /\ a = b * exp th + w.

Lemma off_near d a b : near d a b -> off d 0 a b.
Proof. intros [s [H ->]]. exists s, 0. rewrite Rabs_R0. repeat split; lra. Qed.
Lemma off_weaken d t e v a b : off d t a b -> d <= e -> t <= v -> off e v a b.
Proof. intros [s [w [Hs [Hw ->]]]] Hd Ht. exists s, w. repeat split; lra. Qed.
Lemma off_scale d t a b x : off d t a b -> off d (t * Rabs x) (a * x) (b * x).
Proof.
  intros [s [w [Hs [Hw ->]]]]. exists s, (w * x). repeat split. assumption.
  rewrite Rabs_mult. apply Rmult_le_compat_r. apply Rabs_pos. assumption. ring.
Qed.
Lemma off_abs d t a b : off d t a b -> Rabs (a - b) <= (exp d - 1) * Rabs b + t.
Proof.
  intros [s [w [Hs [Hw ->]]]]. replace (b * exp s + w - b) with ((b * exp s - b) + w) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). assert (N : near d (b * exp s) b) by now exists s.
  generalize (near_abs _ _ _ N). lra.
Qed.

(* Roundings. *)
Definition nu (u : R) : R := - ln (1 - u).
Lemma nu_pos u : 0 <= u < 1 -> 0 <= nu u.
Proof.
  intros H0. unfold nu. assert (ln (1 - u) <= 0); [|lra]. rewrite <- ln_1. destruct (Req_dec u 0) as [->|H].
  rewrite Rminus_0_r. lra. left. apply ln_increasing; lra.
Qed.

Section Rounded.
Variable rnd : R -> R.
Variables u eta : R.
Hypothesis u_range : 0 <= u < 1.
Hypothesis eta_pos : 0 <= eta.
Hypothesis standard : forall z, exists w, Rabs w <= eta /\ Rabs (rnd z - (z + w)) <= u * Rabs (z + w).
Notation nu := (nu u).

Lemma rounded z : exists w th, Rabs w <= eta /\ Rabs th <= nu /\ rnd z = (z + w) * exp th.
Proof.
  destruct (standard z) as [w [Hw H]]. destruct (near_relative u _ _ u_range H) as [th [Ht ->]]. now exists w, th.
Qed.

(* One block: a chain from zero. *)
Fixpoint chain (f : nat -> R) (n : nat) : R := match n with O => 0 | S j => rnd (f j + chain f j) end.

Lemma chain_near (f target d t : nat -> R) n : (forall j, (j < n)%nat -> off (d j) (t j) (f j) (target j)) ->
  exists c rest, chain f n = rsum n c + rest /\ (forall j, (j < n)%nat -> near (d j + INR n * nu) (c j) (target j))
    /\ Rabs rest <= rsum n (fun j => t j + eta) * exp (INR n * nu).
Proof.
  assert (N := nu_pos u u_range). induction n as [|n IH]; intros H.
  - exists (fun _ => 0), 0. rewrite Rabs_R0. simpl. repeat split; try lra. intros; lia.
  - destruct IH as [c [r [Ec [Hc Hr]]]]. intros; apply H; lia.
    destruct (H n ltac:(lia)) as [th [w1 [Ht [Hw1 Ef]]]]. cbn [chain rsum]. rewrite S_INR.
    destruct (rounded (f n + chain f n)) as [w [th2 [Hw [Ht2 ->]]]].
    exists (fun j => if Nat.eqb j n then target n * exp th * exp th2 else c j * exp th2), ((r + w1 + w) * exp th2).
    split; [|split].
    + rewrite Nat.eqb_refl, (rsum_ext n _ (fun j => c j * exp th2)), rsum_scal_r, Ef, Ec. ring.
      intros i Hi. destruct (Nat.eqb_spec i n). lia. reflexivity.
    + assert (T : forall x, near nu (x * exp th2) x) by (intros x; now exists th2).
      intros j Hj. assert (P := pos_INR n). assert (0 <= INR n * nu) by (apply Rmult_le_pos; assumption). destruct (Nat.eqb_spec j n) as [->|Hne].
      * apply near_weaken with (nu + d n). apply near_trans with (1 := T _). now exists th. lra.
      * apply near_weaken with (nu + (d j + INR n * nu)). apply near_trans with (1 := T _). apply Hc. lia. lra.
    + rewrite Rabs_mult, (Rabs_pos_eq (exp th2)) by (left; apply exp_pos).
      replace ((INR n + 1) * nu) with (INR n * nu + nu) by ring. rewrite exp_plus, <- Rmult_assoc.
      assert (G := exp_ge_1 (INR n * nu) ltac:(apply Rmult_le_pos; auto using pos_INR)).
      apply Rmult_le_compat; try apply Rabs_pos. left; apply exp_pos. 2: apply exp_le; apply Rabs_le_inv in Ht2; lra.
      assert (B1 := Rabs_pos w1). assert (B2 := Rabs_pos w).
      assert (1 * (t n + eta) <= exp (INR n * nu) * (t n + eta)) by (apply Rmult_le_compat_r; lra).
      generalize (Rabs_triang (r + w1) w) (Rabs_triang r w1). lra.
Qed.

End Rounded.
