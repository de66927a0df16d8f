(* Bounds of e^r minus a polynomial on an interval, checked by integer arithmetic.

     exp_taylor   |e^r - sum_{k <= n} r^k/k!| <= 2 |r|^(n+1)/(n+1)! for |r| <= 1/2;
     ln2_between  2 M1/D <= ln 2 <= 2 M2/D where integer arithmetic says so;
     certified    a polynomial with integer coefficients is at most B on [-2 m - 1, 2 m + 1] where check says so: around
                  each even integer 2 i it is written in t = x - 2 i, and the sum of the sizes of its coefficients there is
                  at most B. *)
Require Import ZArith Reals Lra Lia List.
From Coquelicot Require Import Coquelicot.
Import ListNotations.
Open Scope R_scope.

Fixpoint peval (p : list Z) (x : R) : R := match p with [] => 0 | c :: p => IZR c + x * peval p x end.

(* p (x + i): c + (x + i) q(x + i). *)
Fixpoint add_lists (p q : list Z) : list Z :=
  match p, q with [], _ => q | _, [] => p | a :: p, b :: q => (a + b)%Z :: add_lists p q end.
Fixpoint shifted (p : list Z) (i : Z) : list Z :=
  match p with [] => [] | c :: p => let s := shifted p i in add_lists [c] (add_lists (map (Z.mul i) s) (0%Z :: s)) end.
Fixpoint sizes (p : list Z) : Z := match p with [] => 0%Z | c :: p => (Z.abs c + sizes p)%Z end.
Fixpoint check (p : list Z) (bound : Z) (m : nat) : bool :=
  (Z.leb (sizes (shifted p (2 * Z.of_nat m))) bound && Z.leb (sizes (shifted p (- (2 * Z.of_nat m)))) bound
   && match m with O => true | S m => check p bound m end)%bool.

Lemma peval_add p : forall q x, peval (add_lists p q) x = peval p x + peval q x.
Proof.
  induction p as [|a p IH]; intros q x. simpl; ring. destruct q as [|b q]. simpl; ring.
  simpl. rewrite IH, plus_IZR. ring.
Qed.
Lemma peval_scale p i x : peval (map (Z.mul i) p) x = IZR i * peval p x.
Proof. induction p as [|a p IH]; simpl. ring. rewrite IH, mult_IZR. ring. Qed.
Lemma peval_shifted p i x : peval (shifted p i) x = peval p (x + IZR i).
Proof.
  induction p as [|c p IH]. reflexivity. cbn [shifted]. cbv zeta. rewrite !peval_add, peval_scale. simpl. rewrite IH. ring.
Qed.
Lemma peval_sizes p x : Rabs x <= 1 -> Rabs (peval p x) <= IZR (sizes p).
Proof.
  intros H. induction p as [|c p IH]; simpl. rewrite Rabs_R0. lra.
  rewrite plus_IZR, abs_IZR. apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat_l.
  rewrite Rabs_mult. apply Rle_trans with (1 * Rabs (peval p x)); [|lra]. apply Rmult_le_compat_r; auto using Rabs_pos.
Qed.

Lemma check_at p bound m : check p bound m = true -> forall i, (Z.abs i <= Z.of_nat m)%Z -> (sizes (shifted p (2 * i)) <= bound)%Z.
Proof.
  induction m as [|m IH]; simpl check; rewrite ?Bool.andb_true_iff, ?Z.leb_le; intros H i Hi.
  - replace (2 * i)%Z with (2 * Z.of_nat 0)%Z by lia. apply H.
  - destruct H as [[H1 H2] H3]. destruct (Z.eq_dec (Z.abs i) (Z.of_nat (S m))) as [E|E].
    + destruct (Z.abs_eq_cases i (Z.of_nat (S m))) as [->| ->]. lia. exact H1.
      replace (2 * - Z.of_nat (S m))%Z with (- (2 * Z.of_nat (S m)))%Z by ring. exact H2.
    + apply IH. assumption. lia.
Qed.

Theorem certified p bound m x : check p bound m = true -> Rabs x <= 2 * INR m + 1 -> Rabs (peval p x) <= IZR bound.
Proof.
  intros H Hx.
  (* The even integer nearest to x. *)
  set (i := up ((x - 1) / 2)). destruct (archimed ((x - 1) / 2)) as [A1 A2]. fold i in A1, A2.
  rewrite INR_IZR_INZ in Hx. apply Rabs_le_between in Hx.
  assert (Big : (i <= Z.of_nat m \/ i = Z.of_nat m + 1)%Z).
  { assert (i < Z.of_nat m + 2)%Z by (apply lt_IZR; rewrite plus_IZR; lra). lia. }
  set (j := if Z.leb i (Z.of_nat m) then i else Z.of_nat m).
  assert (Hj : (Z.abs j <= Z.of_nat m)%Z /\ Rabs (x - IZR (2 * j)) <= 1).
  { unfold j. destruct (Z.leb_spec i (Z.of_nat m)) as [L|L].
    - split. assert (- Z.of_nat m - 1 < i)%Z by (apply lt_IZR; rewrite minus_IZR, opp_IZR; lra). lia.
      rewrite mult_IZR. apply Rabs_le. lra.
    - assert (E : i = (Z.of_nat m + 1)%Z) by lia. rewrite E, plus_IZR in A1, A2. split. lia.
      rewrite mult_IZR. apply Rabs_le. lra. }
  destruct Hj as [J1 J2]. replace x with ((x - IZR (2 * j)) + IZR (2 * j)) by ring. rewrite <- peval_shifted.
  apply Rle_trans with (1 := peval_sizes _ _ J2). apply IZR_le. now apply (check_at p bound m).
Qed.

(* Taylor's formula for exp. *)
Lemma Derive_n_exp n x : Derive_n exp n x = exp x.
Proof.
  revert x. induction n as [|n IH]; intros x. reflexivity.
  simpl. rewrite (Derive_ext _ exp) by exact IH. apply is_derive_unique, is_derive_exp.
Qed.
Lemma ex_derive_n_exp n x : ex_derive_n exp n x.
Proof.
  destruct n as [|n]. exact I. simpl. apply (ex_derive_ext exp). intros t. now rewrite Derive_n_exp.
  eexists. apply is_derive_exp.
Qed.
Lemma Derive_n_exp_neg n x : Derive_n (fun t => exp (- t)) n x = (-1) ^ n * exp (- x).
Proof.
  revert x. induction n as [|n IH]; intros x. simpl; ring.
  simpl. rewrite (Derive_ext _ (fun t => (-1) ^ n * exp (- t))) by exact IH.
  apply is_derive_unique. auto_derive. exact I. ring.
Qed.
Lemma ex_derive_n_exp_neg n x : ex_derive_n (fun t => exp (- t)) n x.
Proof.
  destruct n as [|n]. exact I. simpl. apply (ex_derive_ext (fun t => (-1) ^ n * exp (- t))).
  intros t. now rewrite Derive_n_exp_neg. auto_derive. exact I.
Qed.

(* Factorials as integers, which compute. *)
Fixpoint factorial (n : nat) : Z := match n with O => 1%Z | S k => (Z.of_nat n * factorial k)%Z end.
Lemma factorial_is n : INR (fact n) = IZR (factorial n).
Proof.
  induction n as [|n IH]. reflexivity. cbn [factorial]. rewrite fact_simpl, mult_INR, IH, mult_IZR, INR_IZR_INZ. reflexivity.
Qed.
Definition taylor (n : nat) (r : R) : R := sum_f_R0 (fun k => r ^ k / INR (fact k)) n.
Fixpoint series (n : nat) (r : R) : R :=
  match n with O => 1 | S k => series k r + r ^ n / IZR (factorial n) end.
Lemma series_is n r : taylor n r = series n r.
Proof.
  unfold taylor. induction n as [|n IH]. simpl. field. cbn [sum_f_R0 series]. rewrite IH, factorial_is. reflexivity.
Qed.

Lemma taylor_0 n : taylor n 0 = 1.
Proof.
  unfold taylor. induction n as [|n IH]. simpl. field. simpl sum_f_R0. rewrite IH. simpl. unfold Rdiv. ring.
Qed.

Lemma taylor_error n r : Rabs r <= / 2 -> Rabs (exp r - taylor n r) <= 2 * Rabs r ^ S n / INR (fact (S n)).
Proof.
  intros Hr. apply Rabs_le_between in Hr.
  assert (Fp : 0 < / INR (fact (S n))) by (apply Rinv_0_lt_compat, INR_fact_lt_0).
  assert (E2 : forall z, z <= / 2 -> exp z <= 2).
  { intros z Hz. assert (L := exp_ineq1_le (- z)). rewrite exp_Ropp in L. assert (P := exp_pos z).
    apply (Rmult_le_compat_l (exp z)) in L; [|lra]. rewrite Rinv_r in L by lra.
    assert (exp z * / 2 <= exp z * (1 + - z)) by (apply Rmult_le_compat_l; lra). lra. }
  assert (Fin : forall z, z <= / 2 -> Rabs (r ^ S n / INR (fact (S n)) * exp z) <= 2 * Rabs r ^ S n / INR (fact (S n))).
  { intros z Hz. unfold Rdiv. rewrite !Rabs_mult, <- RPow_abs, (Rabs_pos_eq (/ _)), (Rabs_pos_eq (exp z)).
    2: left; apply exp_pos. 2: lra. assert (0 <= Rabs r ^ S n * / INR (fact (S n))).
    { apply Rmult_le_pos. apply pow_le, Rabs_pos. lra. }
    apply Rle_trans with (Rabs r ^ S n * / INR (fact (S n)) * 2); [|lra]. apply Rmult_le_compat_l; auto. }
  destruct (Rtotal_order r 0) as [H|[H|H]].
  - destruct (Taylor_Lagrange (fun t => exp (- t)) n 0 (- r)) as [z [Hz E]]. lra. intros; apply ex_derive_n_exp_neg.
    rewrite Ropp_involutive in E. rewrite E, Derive_n_exp_neg.
    replace (sum_f_R0 _ n) with (taylor n r).
    2: { apply sum_eq. intros k Hk. rewrite Derive_n_exp_neg, !Ropp_0, exp_0.
         replace ((- r - 0) ^ k) with ((-1) ^ k * r ^ k). 2: { rewrite <- Rpow_mult_distr. f_equal. ring. }
         assert (Sq : (-1) ^ k * (-1) ^ k = 1). { rewrite <- Rpow_mult_distr. replace (-1 * -1) with 1 by ring. apply pow1. }
         unfold Rdiv. replace ((-1) ^ k * r ^ k * / INR (fact k) * ((-1) ^ k * 1)) with (((-1) ^ k * (-1) ^ k) * (r ^ k * / INR (fact k))) by ring.
         rewrite Sq. ring. }
    replace (_ - taylor n r) with (r ^ S n / INR (fact (S n)) * exp (- z)).
    apply Fin. lra.
    replace ((- r - 0) ^ S n) with ((-1) ^ S n * r ^ S n). 2: { rewrite <- Rpow_mult_distr. f_equal. ring. }
    assert (Sq : (-1) ^ S n * (-1) ^ S n = 1). { rewrite <- Rpow_mult_distr. replace (-1 * -1) with 1 by ring. apply pow1. }
    unfold Rdiv. set (s := (-1) ^ S n) in *. set (w := r ^ S n * / INR (fact (S n))).
    replace (s * r ^ S n * / INR (fact (S n)) * (s * exp (- z))) with ((s * s) * (w * exp (- z))) by (unfold w; ring).
    rewrite Sq. ring.
  - rewrite H, exp_0, taylor_0, Rminus_eq_0, Rabs_R0. simpl. unfold Rdiv. rewrite Rmult_0_l, Rmult_0_r, Rmult_0_l. lra.
  - destruct (Taylor_Lagrange exp n 0 r) as [z [Hz E]]. lra. intros; apply ex_derive_n_exp.
    rewrite E, Derive_n_exp. replace (sum_f_R0 _ n) with (taylor n r).
    2: { apply sum_eq. intros k Hk. rewrite Derive_n_exp, exp_0, Rminus_0_r. ring. }
    rewrite Rminus_0_r. replace (_ - taylor n r) with (r ^ S n / INR (fact (S n)) * exp z) by ring. apply Fin. lra.
Qed.

Theorem exp_taylor n r a : Rabs r <= a -> a <= / 2 -> Rabs (exp r - series n r) <= 2 * a ^ S n / IZR (factorial (S n)).
Proof.
  intros Hr Ha. rewrite <- series_is, <- factorial_is. apply Rle_trans with (1 := taylor_error n r ltac:(lra)).
  apply Rmult_le_compat_r. left. apply Rinv_0_lt_compat, INR_fact_lt_0.
  apply Rmult_le_compat_l. lra. apply pow_incr. split. apply Rabs_pos. assumption.
Qed.

Ltac factorials := repeat match goal with
  | |- context [factorial ?n] => let v := eval vm_compute in (factorial n) in change (factorial n) with v
  | H : context [factorial ?n] |- _ => let v := eval vm_compute in (factorial n) in change (factorial n) with v in H
  end.

Lemma ln2_near n c e : 0 <= (c - e) / 2 -> (c + e) / 2 <= / 2 ->
  (series n ((c - e) / 2) + 2 * (/ 2) ^ S n / IZR (factorial (S n))) ^ 2 <= 2 ->
  0 <= series n ((c + e) / 2) - 2 * (/ 2) ^ S n / IZR (factorial (S n)) ->
  2 <= (series n ((c + e) / 2) - 2 * (/ 2) ^ S n / IZR (factorial (S n))) ^ 2 -> 0 <= e -> Rabs (ln 2 - c) <= e.
Proof.
  intros H0 H1 L P U He.
  assert (A : forall r, 0 <= r <= / 2 -> Rabs (exp r - series n r) <= 2 * (/ 2) ^ S n / IZR (factorial (S n))).
  { intros r Hr. apply exp_taylor. rewrite Rabs_pos_eq; lra. lra. }
  assert (Sq : forall r, exp r ^ 2 = exp (2 * r)).
  { intros r. replace (2 * r) with (r + r) by ring. rewrite exp_plus. ring. }
  assert (B1 := A ((c - e) / 2) ltac:(lra)). assert (B2 := A ((c + e) / 2) ltac:(lra)).
  apply Rabs_le_between in B1. apply Rabs_le_between in B2.
  assert (E1 := exp_pos ((c - e) / 2)).
  assert (L' : exp (c - e) <= 2).
  { replace (c - e) with (2 * ((c - e) / 2)) by field. rewrite <- Sq. apply Rle_trans with (2 := L). apply pow_incr. lra. }
  assert (U' : 2 <= exp (c + e)).
  { replace (c + e) with (2 * ((c + e) / 2)) by field. rewrite <- Sq. apply Rle_trans with (1 := U). apply pow_incr. lra. }
  rewrite <- (exp_ln 2) in L', U' by lra.
  assert (Inv : forall y z, exp y <= exp z -> y <= z).
  { intros y z H. apply Rnot_lt_le. intros G. apply exp_increasing in G. lra. }
  apply Inv in L'. apply Inv in U'. apply Rabs_le. lra.
Qed.

(* The sum for M/D as a fraction of integers, and M^n. *)
Fixpoint fraction (M D : Z) (n : nat) : Z * Z * Z :=
  match n with
  | O => (1, 1, 1)%Z
  | S k => let '(num, den, pw) := fraction M D k in
           let f := (Z.of_nat n * D)%Z in (num * f + pw * M, den * f, pw * M)%Z
  end.
Lemma fraction_is M D n : (0 < D)%Z -> let '(num, den, pw) := fraction M D n in
  (0 < den)%Z /\ series n (IZR M / IZR D) = IZR num / IZR den /\ IZR pw = IZR M ^ n /\ IZR den = IZR (factorial n) * IZR D ^ n.
Proof.
  intros HD. assert (D0 : IZR D <> 0) by (apply not_0_IZR; lia).
  induction n as [|n IH]. cbn. repeat split; try lra; lia.
  cbn [fraction series factorial]. destruct (fraction M D n) as [[num den] pw]. destruct IH as [H [E [P Q]]].
  assert (d0 : IZR den <> 0) by (apply not_0_IZR; lia).
  assert (n0 : IZR (Z.of_nat (S n)) <> 0) by (apply not_0_IZR; lia).
  assert (f0 : IZR (factorial n) <> 0) by (intros Z0; rewrite Z0, Rmult_0_l in Q; lra).
  split; [lia|]. rewrite E. rewrite ?plus_IZR, ?mult_IZR. repeat split.
  - rewrite P, Q. unfold Rdiv. rewrite Rpow_mult_distr, <- Rinv_pow by assumption.
    cbn [pow]. field. repeat split; auto. now apply pow_nonzero.
  - rewrite P. cbn [pow]. ring.
  - rewrite Q. cbn [pow]. ring.
Qed.

Definition ln2_check (n : nat) (M1 M2 D : Z) : bool :=
  let E := (2 ^ Z.of_nat n * factorial (S n))%Z in
  let '(n1, d1, _) := fraction M1 D n in let '(n2, d2, _) := fraction M2 D n in
  ((0 <? D) && (0 <=? M1) && (M1 <=? M2) && (2 * M2 <=? D) && ((n1 * E + d1) * (n1 * E + d1) <=? 2 * ((d1 * E) * (d1 * E))) && (d2 <=? n2 * E)
   && (2 * ((d2 * E) * (d2 * E)) <=? (n2 * E - d2) * (n2 * E - d2)))%Z%bool.

Theorem ln2_between n M1 M2 D : ln2_check n M1 M2 D = true -> 2 * IZR M1 / IZR D <= ln 2 <= 2 * IZR M2 / IZR D.
Proof.
  unfold ln2_check. assert (F1 := fraction_is M1 D n). assert (F2 := fraction_is M2 D n).
  destruct (fraction M1 D n) as [[n1 d1] p1]. destruct (fraction M2 D n) as [[n2 d2] p2].
  rewrite !Bool.andb_true_iff, !Z.leb_le, Z.ltb_lt. intros [[[[[[HD H1] H12] H2] L] P] U].
  destruct (F1 HD) as [D1 [E1 _]]. destruct (F2 HD) as [D2 [E2 _]]. clear F1 F2.
  set (E := (2 ^ Z.of_nat n * factorial (S n))%Z) in *.
  assert (HE : 2 * (/ 2) ^ S n / IZR (factorial (S n)) = / IZR E).
  { unfold E. rewrite mult_IZR. change 2%Z with (Z.of_nat 2) at 1. rewrite <- (pow_IZR _ n), <- INR_IZR_INZ.
    simpl INR. cbn [pow]. rewrite <- Rinv_pow by lra. replace (1 + 1) with 2 by ring. field. split.
    rewrite <- factorial_is. apply INR_fact_neq_0. apply pow_nonzero. lra. }
  assert (PE : 0 < IZR E).
  { unfold E. rewrite mult_IZR. apply Rmult_lt_0_compat. apply (IZR_lt 0). apply Z.pow_pos_nonneg; lia.
    rewrite <- factorial_is. apply INR_fact_lt_0. }
  apply IZR_lt in HD, D1, D2. apply IZR_le in H1, H12, H2, L, P, U.
  rewrite ?mult_IZR, ?plus_IZR, ?minus_IZR, ?mult_IZR in *.
  assert (Dp : 0 < / IZR D) by now apply Rinv_0_lt_compat.
  set (c := (IZR M1 + IZR M2) / IZR D). set (e := (IZR M2 - IZR M1) / IZR D).
  assert (C1 : (c - e) / 2 = IZR M1 / IZR D) by (unfold c, e; field; lra).
  assert (C2 : (c + e) / 2 = IZR M2 / IZR D) by (unfold c, e; field; lra).
  assert (N : Rabs (ln 2 - c) <= e).
  { apply (ln2_near n); rewrite ?C1, ?C2, ?E1, ?E2, ?HE.
    - apply Rmult_le_pos; lra.
    - apply (Rmult_le_reg_r (IZR D)). lra. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
    - replace ((IZR n1 / IZR d1 + / IZR E) ^ 2)
        with ((IZR n1 * IZR E + IZR d1) * (IZR n1 * IZR E + IZR d1) / ((IZR d1 * IZR E) * (IZR d1 * IZR E))) by (field; lra).
      assert (G : 0 < IZR d1 * IZR E * (IZR d1 * IZR E)) by (repeat apply Rmult_lt_0_compat; lra).
      apply (Rmult_le_reg_r (IZR d1 * IZR E * (IZR d1 * IZR E))). assumption. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
    - replace (IZR n2 / IZR d2 - / IZR E) with ((IZR n2 * IZR E - IZR d2) / (IZR d2 * IZR E)) by (field; lra).
      apply Rmult_le_pos. lra. left. apply Rinv_0_lt_compat, Rmult_lt_0_compat; lra.
    - replace ((IZR n2 / IZR d2 - / IZR E) ^ 2)
        with ((IZR n2 * IZR E - IZR d2) * (IZR n2 * IZR E - IZR d2) / ((IZR d2 * IZR E) * (IZR d2 * IZR E))) by (field; lra).
      assert (G : 0 < IZR d2 * IZR E * (IZR d2 * IZR E)) by (repeat apply Rmult_lt_0_compat; lra).
      apply (Rmult_le_reg_r (IZR d2 * IZR E * (IZR d2 * IZR E))). assumption. unfold Rdiv at 1. rewrite (Rmult_assoc _ (/ _)), Rinv_l; lra.
    - unfold e. apply Rmult_le_pos; lra. }
  apply Rabs_le_between in N.
  assert (X1 : c - e = 2 * IZR M1 / IZR D) by (unfold c, e; field; lra).
  assert (X2 : c + e = 2 * IZR M2 / IZR D) by (unfold c, e; field; lra). lra.
Qed.
