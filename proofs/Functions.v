(* exp and ln of the code, as functions of a number, for Softmax.v: what the theorems about Kernels.v's functions give.

   exp_64 x is the value of the executable exp at any float that is x (exp_double_is), and off e^x by a relative 1.26 2^-53 and, below the
   normal range, by 0.82 of the smallest number (exp_64_off); ln_64 the same of ln, within 1.48 2^-53 |ln x| and 0.74 of the smallest
   number (ln_64_close). binary32 likewise. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Refinement Near Formats.
From Tweedie Require ExpDouble ExpSingle ExpDoubleBits ExpSingleBits LnDoubleBits LnSingleBits.
Open Scope R_scope.

(* ulps as relative and absolute distances *)
Section Ulps.
Variables emin prec : Z.
Context { Hp : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).

Lemma ulp_normal x : bpow radix2 (emin + prec - 1) <= Rabs x -> ulp radix2 fexp x <= 2 * bpow radix2 (- prec) * Rabs x.
Proof.
  intros H. assert (U := ulp_FLT_le radix2 emin prec x H). replace (1 - prec)%Z with (1 + - prec)%Z in U by ring.
  rewrite bpow_plus in U. change (bpow radix2 1) with 2 in U. lra.
Qed.
Lemma ulp_below x : Rabs x < bpow radix2 (emin + prec - 1) -> ulp radix2 fexp x = bpow radix2 emin.
Proof. intros H. apply (ulp_FLT_small radix2 emin prec). apply Rlt_trans with (1 := H). apply bpow_lt. lia. Qed.
Lemma ulp_any x : ulp radix2 fexp x <= 2 * bpow radix2 (- prec) * Rabs x + bpow radix2 emin.
Proof.
  assert (B := bpow_ge_0 radix2 emin). assert (P := bpow_ge_0 radix2 (- prec)).
  destruct (Rle_lt_dec (bpow radix2 (emin + prec - 1)) (Rabs x)) as [H|H].
  - generalize (ulp_normal x H). lra.
  - rewrite (ulp_below x H). assert (0 <= 2 * bpow radix2 (- prec) * Rabs x) by (repeat apply Rmult_le_pos; try apply Rabs_pos; lra). lra.
Qed.
(* From a bound in units where the result is normal, and another where it is not. *)
Lemma off_of_units c c' y z : 0 < z -> 0 <= c -> 0 <= c' -> 2 * c * bpow radix2 (- prec) < 1 ->
  (bpow radix2 (emin + prec - 1) <= z -> Rabs (y - z) <= c * ulp radix2 fexp z) ->
  (z < bpow radix2 (emin + prec - 1) -> Rabs (y - z) <= c' * ulp radix2 fexp z) ->
  off (- Rpower.ln (1 - 2 * c * bpow radix2 (- prec))) (c' * bpow radix2 emin) y z.
Proof.
  intros Hz Hc Hc' Hs H H'. assert (P := bpow_ge_0 radix2 (- prec)). assert (Pe := bpow_ge_0 radix2 emin).
  assert (V : 0 <= 2 * c * bpow radix2 (- prec)) by (repeat apply Rmult_le_pos; lra).
  assert (L : 0 <= - Rpower.ln (1 - 2 * c * bpow radix2 (- prec))).
  { assert (Rpower.ln (1 - 2 * c * bpow radix2 (- prec)) <= 0); [|lra]. rewrite <- ln_1. destruct (Req_dec (2 * c * bpow radix2 (- prec)) 0) as [->|N].
    rewrite Rminus_0_r. lra. left. apply ln_increasing; lra. }
  assert (A : Rabs z = z) by (apply Rabs_pos_eq; lra).
  destruct (Rle_lt_dec (bpow radix2 (emin + prec - 1)) z) as [N|N].
  - apply off_weaken with (- Rpower.ln (1 - 2 * c * bpow radix2 (- prec))) 0; [|lra|apply Rmult_le_pos; assumption].
    apply off_near, near_relative. lra. apply Rle_trans with (1 := H N). rewrite A.
    assert (U := ulp_normal z ltac:(now rewrite A)). rewrite A in U.
    apply Rle_trans with (c * (2 * bpow radix2 (- prec) * z)). now apply Rmult_le_compat_l. lra.
  - exists 0, (y - z). rewrite Rabs_R0, exp_0. repeat split; try lra. specialize (H' N). rewrite ulp_below in H'. assumption. now rewrite A.
Qed.
End Ulps.

(* Below [lowest] the code's exp is 0. *)
Definition exp_64 (x : R) : R := if Rlt_dec x (-746) then 0 else B2R (exp double ExpDoubleBits.constants (float_of binary64 x)).
Definition exp_32 (x : R) : R := if Rlt_dec x (-104) then 0 else B2R (exp single ExpSingleBits.constants (float_of binary32 x)).
Definition ln_64 (x : R) : R := B2R (ln double LnDoubleBits.constants (float_of binary64 x)).
Definition ln_32 (x : R) : R := B2R (ln single LnSingleBits.constants (float_of binary32 x)).
Definition exp_cost_64 : R := - Rpower.ln (1 - 2 * (63 / 100) * bpow radix2 (-53)).
Definition exp_cost_32 : R := - Rpower.ln (1 - 2 * (69 / 100) * bpow radix2 (-24)).

Lemma float_64 x : generic_format radix2 (FLT_exp (-1074) 53) x -> Rabs x <= bpow radix2 1023 -> rep binary64 (float_of binary64 x) x.
Proof. intros F H. apply (float_of_is binary64). exact F. apply Rle_lt_trans with (1 := H). now apply bpow_lt. Qed.
Lemma float_32 x : generic_format radix2 (FLT_exp (-149) 24) x -> Rabs x <= bpow radix2 127 -> rep binary32 (float_of binary32 x) x.
Proof. intros F H. apply (float_of_is binary32). exact F. apply Rle_lt_trans with (1 := H). now apply bpow_lt. Qed.

Lemma far_below_64 x : x < -746 -> Rtrigo_def.exp x <= / 2 * bpow radix2 (-1074).
Proof.
  intros Hx. assert (L := ExpDouble.ln2_rest 1 ltac:(lia)). rewrite ExpDouble.HI_is in L. apply Rabs_le_inv in L.
  replace (/ 2 * bpow radix2 (-1074)) with (bpow radix2 (-1074 - 1)) by (unfold Z.sub; rewrite bpow_plus; simpl; lra).
  left. rewrite bpow_exp. apply exp_increasing. simpl IZR. change (IZR radix2) with 2. lra.
Qed.
Lemma far_below_32 x : x < -104 -> Rtrigo_def.exp x <= / 2 * bpow radix2 (-149).
Proof.
  intros Hx. assert (L := ExpSingle.ln2_rest 1 ltac:(lia)). rewrite ExpSingle.HI_is in L. apply Rabs_le_inv in L.
  replace (/ 2 * bpow radix2 (-149)) with (bpow radix2 (-149 - 1)) by (unfold Z.sub; rewrite bpow_plus; simpl; lra).
  left. rewrite bpow_exp. apply exp_increasing. simpl IZR. change (IZR radix2) with 2. lra.
Qed.

Theorem exp_64_off x : generic_format radix2 (FLT_exp (-1074) 53) x -> x <= 0 ->
  off exp_cost_64 (82 / 100 * bpow radix2 (-1074)) (exp_64 x) (Rtrigo_def.exp x).
Proof.
  intros F Hx. assert (Ep := exp_pos x). unfold exp_64.
  apply (off_of_units (-1074) 53); try lra. simpl; lra.
  all: change (-1074 + 53 - 1)%Z with (-1022)%Z; destruct (Rlt_dec x (-746)) as [L|L]; intros H.
  - assert (B := far_below_64 x L). assert (bpow radix2 (-1074) < bpow radix2 (-1022)) by now apply bpow_lt.
    assert (P := bpow_gt_0 radix2 (-1074)). lra.
  - apply Rnot_lt_le in L. destruct (float_64 x F) as [Ff Ev]. rewrite Rabs_left1 by lra. apply Rle_trans with (bpow radix2 10). change (bpow radix2 10) with 1024; lra. now apply bpow_le.
    destruct (ExpDoubleBits.exp_double (float_of binary64 x) Ff) as [_ [A _]]. rewrite Ev. lra. rewrite Ev in A. now apply A.
  - assert (B := far_below_64 x L). assert (P := bpow_gt_0 radix2 (-1074)). rewrite (ulp_below (-1074) 53).
    unfold Rminus. rewrite Rplus_0_l, Rabs_Ropp, Rabs_pos_eq; lra. rewrite Rabs_pos_eq by lra. exact H.
  - apply Rnot_lt_le in L. destruct (float_64 x F) as [Ff Ev]. rewrite Rabs_left1 by lra. apply Rle_trans with (bpow radix2 10). change (bpow radix2 10) with 1024; lra. now apply bpow_le.
    destruct (ExpDoubleBits.exp_double (float_of binary64 x) Ff) as [_ [_ A]]. rewrite Ev. lra. rewrite Ev in A. now apply A.
Qed.
Theorem exp_32_off x : generic_format radix2 (FLT_exp (-149) 24) x -> x <= 0 ->
  off exp_cost_32 (85 / 100 * bpow radix2 (-149)) (exp_32 x) (Rtrigo_def.exp x).
Proof.
  intros F Hx. assert (Ep := exp_pos x). unfold exp_32.
  apply (off_of_units (-149) 24); try lra. simpl; lra.
  all: change (-149 + 24 - 1)%Z with (-126)%Z; destruct (Rlt_dec x (-104)) as [L|L]; intros H.
  - assert (B := far_below_32 x L). assert (bpow radix2 (-149) < bpow radix2 (-126)) by now apply bpow_lt.
    assert (P := bpow_gt_0 radix2 (-149)). lra.
  - apply Rnot_lt_le in L. destruct (float_32 x F) as [Ff Ev]. rewrite Rabs_left1 by lra. apply Rle_trans with (bpow radix2 10). change (bpow radix2 10) with 1024; lra. now apply bpow_le.
    destruct (ExpSingleBits.exp_single (float_of binary32 x) Ff) as [_ [A _]]. rewrite Ev. lra. rewrite Ev in A. now apply A.
  - assert (B := far_below_32 x L). assert (P := bpow_gt_0 radix2 (-149)). rewrite (ulp_below (-149) 24).
    unfold Rminus. rewrite Rplus_0_l, Rabs_Ropp, Rabs_pos_eq; lra. rewrite Rabs_pos_eq by lra. exact H.
  - apply Rnot_lt_le in L. destruct (float_32 x F) as [Ff Ev]. rewrite Rabs_left1 by lra. apply Rle_trans with (bpow radix2 10). change (bpow radix2 10) with 1024; lra. now apply bpow_le.
    destruct (ExpSingleBits.exp_single (float_of binary32 x) Ff) as [_ [_ A]]. rewrite Ev. lra. rewrite Ev in A. now apply A.
Qed.

Lemma zero_64 c : rep binary64 c 0 -> B2R (exp double ExpDoubleBits.constants c) = B2R (exp double ExpDoubleBits.constants (B754_zero false)).
Proof.
  intros R0. destruct R0 as [Fc Ec]. destruct c as [s|s| |s mm ee pp]; try discriminate.
  - destruct s; [|reflexivity].
    assert (F1 : is_finite (exp double ExpDoubleBits.constants (B754_zero true)) = true) by (apply ExpDoubleBits.exp_double; [reflexivity|simpl; lra]).
    assert (F2 : is_finite (exp double ExpDoubleBits.constants (B754_zero false)) = true) by (apply ExpDoubleBits.exp_double; [reflexivity|simpl; lra]).
    assert (B : Beqb (exp double ExpDoubleBits.constants (B754_zero true)) (exp double ExpDoubleBits.constants (B754_zero false)) = true)
      by (vm_compute; reflexivity).
    rewrite (Beqb_correct _ _ _ _ F1 F2) in B. revert B. case Req_bool_spec. auto. discriminate.
  - exfalso. revert Ec. apply F2R_neq_0. destruct s; discriminate.
Qed.
Lemma zero_32 c : rep binary32 c 0 -> B2R (exp single ExpSingleBits.constants c) = B2R (exp single ExpSingleBits.constants (B754_zero false)).
Proof.
  intros R0. destruct R0 as [Fc Ec]. destruct c as [s|s| |s mm ee pp]; try discriminate.
  - destruct s; [|reflexivity].
    assert (F1 : is_finite (exp single ExpSingleBits.constants (B754_zero true)) = true) by (apply ExpSingleBits.exp_single; [reflexivity|simpl; lra]).
    assert (F2 : is_finite (exp single ExpSingleBits.constants (B754_zero false)) = true) by (apply ExpSingleBits.exp_single; [reflexivity|simpl; lra]).
    assert (B : Beqb (exp single ExpSingleBits.constants (B754_zero true)) (exp single ExpSingleBits.constants (B754_zero false)) = true)
      by (vm_compute; reflexivity).
    rewrite (Beqb_correct _ _ _ _ F1 F2) in B. revert B. case Req_bool_spec. auto. discriminate.
  - exfalso. revert Ec. apply F2R_neq_0. destruct s; discriminate.
Qed.

(* The executable function at any float that is x. *)
Theorem exp_double_is b : is_finite b = true -> B2R b <= 0 ->
  rep binary64 (exp double ExpDoubleBits.constants b) (exp_64 (B2R b)).
Proof.
  intros Fb Hb. unfold exp_64. destruct (Rlt_dec (B2R b) (-746)) as [L|L].
  - destruct (ExpDoubleBits.exp_double_below b Fb L) as [-> _]. now split.
  - apply Rnot_lt_le in L. assert (R1 : rep binary64 b (B2R b)) by now split.
    assert (R2 : rep binary64 (float_of binary64 (B2R b)) (B2R b)).
    { apply float_64. apply generic_format_B2R. rewrite Rabs_left1 by lra. apply Rle_trans with (bpow radix2 10). change (bpow radix2 10) with 1024; lra. now apply bpow_le. }
    assert (E : B2R (exp double ExpDoubleBits.constants b) = B2R (exp double ExpDoubleBits.constants (float_of binary64 (B2R b)))).
    { destruct (Req_dec (B2R b) 0) as [Z|Z].
      - assert (R1' : rep binary64 b 0) by exact (eq_ind (B2R b) (fun v => rep _ b v) R1 0 Z). assert (R2' : rep binary64 (float_of binary64 (B2R b)) 0) by exact (eq_ind (B2R b) (fun v => rep _ (float_of _ (B2R b)) v) R2 0 Z). exact (eq_trans (zero_64 _ R1') (eq_sym (zero_64 _ R2'))).
      - exact (f_equal (fun c => B2R (exp double ExpDoubleBits.constants c)) (rep_unique binary64 _ _ _ R1 R2 Z)). }
    split; [|exact E]. apply ExpDoubleBits.exp_double. assumption. lra.
Qed.
Theorem exp_single_is b : is_finite b = true -> B2R b <= 0 ->
  rep binary32 (exp single ExpSingleBits.constants b) (exp_32 (B2R b)).
Proof.
  intros Fb Hb. unfold exp_32. destruct (Rlt_dec (B2R b) (-104)) as [L|L].
  - destruct (ExpSingleBits.exp_single_below b Fb L) as [-> _]. now split.
  - apply Rnot_lt_le in L. assert (R1 : rep binary32 b (B2R b)) by now split.
    assert (R2 : rep binary32 (float_of binary32 (B2R b)) (B2R b)).
    { apply float_32. apply generic_format_B2R. rewrite Rabs_left1 by lra. apply Rle_trans with (bpow radix2 10). change (bpow radix2 10) with 1024; lra. now apply bpow_le. }
    assert (E : B2R (exp single ExpSingleBits.constants b) = B2R (exp single ExpSingleBits.constants (float_of binary32 (B2R b)))).
    { destruct (Req_dec (B2R b) 0) as [Z|Z].
      - assert (R1' : rep binary32 b 0) by exact (eq_ind (B2R b) (fun v => rep _ b v) R1 0 Z). assert (R2' : rep binary32 (float_of binary32 (B2R b)) 0) by exact (eq_ind (B2R b) (fun v => rep _ (float_of _ (B2R b)) v) R2 0 Z). exact (eq_trans (zero_32 _ R1') (eq_sym (zero_32 _ R2'))).
      - exact (f_equal (fun c => B2R (exp single ExpSingleBits.constants c)) (rep_unique binary32 _ _ _ R1 R2 Z)). }
    split; [|exact E]. apply ExpSingleBits.exp_single. assumption. lra.
Qed.

Theorem ln_64_close x : generic_format radix2 (FLT_exp (-1074) 53) x -> 0 < x <= bpow radix2 1023 ->
  generic_format radix2 (FLT_exp (-1074) 53) (ln_64 x)
  /\ Rabs (ln_64 x - Rpower.ln x) <= 148 / 100 * bpow radix2 (-53) * Rabs (Rpower.ln x) + 74 / 100 * bpow radix2 (-1074).
Proof.
  intros F Hx. unfold ln_64. split. apply generic_format_B2R.
  destruct (float_64 x F) as [Ff Ev]. rewrite Rabs_pos_eq; lra.
  destruct (LnDoubleBits.ln_double (float_of binary64 x) Ff) as [_ A]. rewrite Ev. lra. rewrite Ev in A.
  apply Rle_trans with (1 := A). assert (U := ulp_any (-1074) 53 (Rpower.ln x)). change (- (53))%Z with (-53)%Z in U. lra.
Qed.
Theorem ln_32_close x : generic_format radix2 (FLT_exp (-149) 24) x -> 0 < x <= bpow radix2 127 ->
  generic_format radix2 (FLT_exp (-149) 24) (ln_32 x)
  /\ Rabs (ln_32 x - Rpower.ln x) <= 148 / 100 * bpow radix2 (-24) * Rabs (Rpower.ln x) + 74 / 100 * bpow radix2 (-149).
Proof.
  intros F Hx. unfold ln_32. split. apply generic_format_B2R.
  destruct (float_32 x F) as [Ff Ev]. rewrite Rabs_pos_eq; lra.
  destruct (LnSingleBits.ln_single (float_of binary32 x) Ff) as [_ A]. rewrite Ev. lra. rewrite Ev in A.
  apply Rle_trans with (1 := A). assert (U := ulp_any (-149) 24 (Rpower.ln x)). change (- (24))%Z with (-24)%Z in U. lra.
Qed.
Theorem ln_double_is b : is_finite b = true -> 0 < B2R b ->
  rep binary64 (ln double LnDoubleBits.constants b) (ln_64 (B2R b)).
Proof.
  intros Fb Hb. unfold ln_64. assert (R1 : rep binary64 b (B2R b)) by now split.
  assert (R2 : rep binary64 (float_of binary64 (B2R b)) (B2R b)).
  { apply (float_of_is binary64). apply generic_format_B2R. apply abs_B2R_lt_emax. }
  assert (Eb : b = float_of binary64 (B2R b)) by (apply (rep_unique binary64 _ _ _ R1 R2); lra). rewrite <- Eb. split; [|reflexivity]. now apply LnDoubleBits.ln_double.
Qed.
Theorem ln_single_is b : is_finite b = true -> 0 < B2R b ->
  rep binary32 (ln single LnSingleBits.constants b) (ln_32 (B2R b)).
Proof.
  intros Fb Hb. unfold ln_32. assert (R1 : rep binary32 b (B2R b)) by now split.
  assert (R2 : rep binary32 (float_of binary32 (B2R b)) (B2R b)).
  { apply (float_of_is binary32). apply generic_format_B2R. apply abs_B2R_lt_emax. }
  assert (Eb : b = float_of binary32 (B2R b)) by (apply (rep_unique binary32 _ _ _ R1 R2); lra). rewrite <- Eb. split; [|reflexivity]. now apply LnSingleBits.ln_single.
Qed.
