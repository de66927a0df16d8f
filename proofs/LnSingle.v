(* ln of binary32 over the reals: the numbers of Coefficients.v in the analysis of LnWhole.v.

   The method's error (the polynomial against the series of ln) is bounded by integer arithmetic, the roundings of
   f^2/2 + s^2 P by Gappa. single_ln_error: for x = m 2^k, m a number of the format from about sqrt(1/2) to about sqrt 2,
   |k| <= 150, the computed value is within 0.74 units of the last place of ln x. *)
Require Import ZArith Reals Lra Lia List.
Import ListNotations.
From Flocq Require Import Core.
From Gappa Require Import Gappa_tactic.
From Tweedie Require Import Certificate Computed LnSteps LnParts LnWhole.
From Tweedie Require ExpSingle.
Open Scope R_scope.

Local Instance precision_positive : Prec_gt_0 24. Proof. reflexivity. Qed.
Notation fexp := (FLT_exp (-149) 24).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Notation LO := (-1072225 * / 562949953421312).
Notation HI := (IZR 11629080 * bpow radix2 (-24)).
Notation c0 := (5592405 * / 8388608).
Notation c1 := (13421885 * / 33554432).
Notation c2 := (9575531 * / 33554432).
Notation c3 := (3956437 * / 16777216).

Definition horner (f : R -> R) (z : R) : R :=
  f (f (f (c3 * z + c2) * z + c1) * z + c0).
Definition exactly (x : R) : R := x.
Definition p (z : R) : R := horner rnd z.
Definition P (z : R) : R := horner exactly z.
Notation bracket := (bracket (-149) 24 p).
Notation result := (result (-149) 24 HI LO p).

Ltac by_gappa := unfold LnParts.bracket, half_square, LnParts.series, square, b0, s0, quotient, p, P, horner, exactly; cbv zeta; gappa.

Lemma far_below f : - 600 * / 2048 <= f <= 0 ->
  Rabs (bracket f - b0 P f) <= 240 * / 1024 * / 16777216 /\ Rabs (b0 P f) <= 7 * / 64.
Proof. intros H. by_gappa. Qed.
Lemma far_above f : 0 <= f <= 849 * / 2048 ->
  Rabs (bracket f - b0 P f) <= 240 * / 1024 * / 16777216 /\ Rabs (b0 P f) <= 7 * / 64.
Proof. intros H. by_gappa. Qed.
Lemma near_below f : - 456 * / 2048 <= f <= 0 ->
  Rabs (bracket f - b0 P f) <= 160 * / 1024 * / 16777216 /\ Rabs (b0 P f) <= 14 * / 256.
Proof. intros H. by_gappa. Qed.
Lemma near_above f : 0 <= f <= 583 * / 2048 ->
  Rabs (bracket f - b0 P f) <= 160 * / 1024 * / 16777216 /\ Rabs (b0 P f) <= 14 * / 256.
Proof. intros H. by_gappa. Qed.

Notation denominator := 7765779695070160701096983440518021120.
Ltac numerals := rewrite ?INR_IZR_INZ;
  repeat match goal with |- context [Z.of_nat ?n] => let v := eval vm_compute in (Z.of_nat n) in change (Z.of_nat n) with v end.
Lemma difference_is s : 2 * s + s * (s * s * P (s * s)) - 2 * atanh_sum 8 s
  = s * (peval ln_difference_32 (s * s * 8192 - 121) / denominator).
Proof.
  unfold P, horner, exactly, ln_difference_32. cbn [atanh_sum peval]. numerals. cbn [Nat.mul Nat.add]. field.
Qed.

Lemma method f : - (600 / 2048) <= f <= 849 / 2048 ->
  Rabs (2 * s0 f + s0 f * (s0 f * s0 f * P (s0 f * s0 f)) - ln (1 + f)) <= 3 / 64 * bpow radix2 (-24) * Rabs (s0 f).
Proof.
  intros H. change (bpow radix2 (-24)) with (/ 16777216).
  assert (Sb : Rabs (s0 f) <= 849 / 4945) by (apply s0_bound; lra). set (s := s0 f) in *.
  assert (Sp := Rabs_pos s). assert (L : ln (1 + s) - ln (1 - s) = ln (1 + f)) by (apply log_quotient; lra).
  assert (Z : 0 <= s * s <= 849 / 4945 * (849 / 4945)).
  { split. apply Rle_0_sqr. rewrite <- (Rabs_pos_eq (s * s)) by apply Rle_0_sqr. rewrite Rabs_mult.
    apply Rmult_le_compat; auto. }
  assert (T := log_series 8 s ltac:(lra)). rewrite L in T.
  assert (C : Rabs (peval ln_difference_32 (s * s * 8192 - 121)) <= IZR ln_bound_32).
  { apply (certified _ _ 60). exact ln_difference_check_32. apply Rabs_le. simpl. lra. }
  assert (B : 2 * Rabs s * (s * s) ^ S 8 / (1 - s * s) <= / 1024 * / 16777216 * Rabs s).
  { apply (Rmult_le_reg_r (1 - s * s)). lra. unfold Rdiv. rewrite (Rmult_assoc _ (/ _)), Rinv_l, Rmult_1_r by lra.
    assert (Q : (s * s) ^ S 8 <= (/ 32) ^ S 8) by (apply pow_incr; lra). cbn [pow] in Q |- *.
    apply Rle_trans with (Rabs s * (/ 2048 * / 16777216)).
    2: rewrite (Rmult_comm _ (Rabs s)), Rmult_assoc; apply Rmult_le_compat_l; lra.
    rewrite (Rmult_comm 2), Rmult_assoc. apply Rmult_le_compat_l; lra. }
  replace (2 * s + s * (s * s * P (s * s)) - ln (1 + f))
    with (s * (peval ln_difference_32 (s * s * 8192 - 121) / denominator) - (ln (1 + f) - 2 * atanh_sum 8 s)).
  2: { rewrite <- difference_is. ring. }
  unfold Rminus at 1. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp, Rabs_mult.
  assert (D : Rabs (peval ln_difference_32 (s * s * 8192 - 121) / denominator) <= 92 / 2048 * / 16777216).
  { unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by lra. unfold ln_bound_32 in C. lra. }
  assert (Rabs s * Rabs (peval ln_difference_32 (s * s * 8192 - 121) / denominator) <= Rabs s * (92 / 2048 * / 16777216)).
  { apply Rmult_le_compat_l; assumption. }
  lra.
Qed.

Theorem single_ln_error m k : (exists n, m = IZR n * bpow radix2 (-24)) -> 1448 / 2048 <= m <= 2897 / 2048 -> (Z.abs k <= 150)%Z ->
  let e := ln (m * bpow radix2 k) in Rabs (result (IZR k) (m - 1) - e) <= 74 / 100 * ulp radix2 fexp e.
Proof.
  intros [n En] Hm Hk e. assert (K : -150 <= IZR k <= 150) by (split; apply IZR_le; lia).
  assert (E : e = IZR k * ln 2 + ln (1 + (m - 1))).
  { unfold e. rewrite ln_mult, bpow_exp, ln_exp by (lra || apply bpow_gt_0). replace (1 + (m - 1)) with m by ring.
    simpl IZR. ring. }
  rewrite E. assert (HH : HI = 11629080 * / 16777216) by reflexivity.
  apply ln_error with (P := P) (T := (-17)%Z); try lia; try exact precision_positive; rewrite ?HH.
  - exists (n - 16777216)%Z. rewrite En, minus_IZR.
    change (bpow radix2 (-24)) with (/ 16777216). change (bpow radix2 (- (24))) with (/ 16777216). lra.
  - lra.
  - intros g Hg. change (bpow radix2 (- (24))) with (/ 16777216). destruct (Rle_dec g 0).
    destruct (far_below g); lra. destruct (far_above g); lra.
  - intros g Hg. change (bpow radix2 (- (24))) with (/ 16777216). destruct (Rle_dec g 0).
    destruct (near_below g); lra. destruct (near_above g); lra.
  - apply method. lra.
  - lra.
  - change (bpow radix2 (-17 + 24)) with 128. apply Rabs_le. lra.
  - apply Rabs_le. simpl. lra.
  - assert (R := ExpSingle.ln2_rest k ltac:(lia)). rewrite ExpSingle.HI_is in R. apply Rle_trans with (1 := R). simpl. lra.
Qed.
