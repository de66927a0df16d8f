(* exp of binary32 over the reals: the numbers of Coefficients.v in the analysis of ExpReduction.v.

   The method's error (the polynomial against e^r) is bounded by integer arithmetic, the roundings of the polynomial by
   Gappa. single_error: for every x of the format in [-104, 89], with k an integer nearest to x log2 e, the computed value
   is within 0.69 units of the last place of e^x where e^x is normal, and within 0.85 where it is not. *)
Require Import ZArith Reals Lra Lia List.
Import ListNotations.
From Flocq Require Import Core.
From Gappa Require Import Gappa_tactic.
From Tweedie Require Import Certificate Computed Rounding ExpSteps ExpReduction.
Open Scope R_scope.

Local Instance precision_positive : Prec_gt_0 24. Proof. reflexivity. Qed.
Notation fexp := (FLT_exp (-149) 24).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Notation h := 11629080%Z.
Notation LO := (-1072225 * / 562949953421312).
Notation L2E := (12102203 * / 8388608).
Notation c0 := (11184713 * / 67108864).
Notation c1 := (349523 * / 8388608).
Notation c2 := (8985849 * / 1073741824).
Notation c3 := (11976051 * / 8589934592).

Definition evens (f : R -> R) (s : R) : R := f (c2 * s + c0).
Definition odds (f : R -> R) (s : R) : R := f (c3 * s + c1).
Definition exactly (x : R) : R := x.
Definition Q (r : R) : R := odds exactly (r * r) * r + evens exactly (r * r).
Definition A0 (r : R) : R := r * r * (r * Q r + / 2).
Definition q (r : R) : R := rnd (odds rnd (rnd (r * r)) * r + evens rnd (rnd (r * r))).
Notation square := (square (-149) 24).
Notation curve := (curve (-149) 24 q).
Notation rho := (22714 / 65536).

Notation difference := difference_32.
Notation bound := bound_32.
Notation denominator := 449223681455878794155394198405120.
Lemma difference_is r : 1 + r + A0 r - series 9 r = peval difference (r * 1024) / denominator.
Proof. unfold A0, Q, odds, evens, exactly, difference_32. cbn [series peval pow]. factorials. field. Qed.

Lemma method r : Rabs r <= rho -> Rabs (1 + r + A0 r - exp r) <= 66 / 1024 * / 16777216.
Proof.
  intros H. assert (T := exp_taylor 9 r rho H ltac:(lra)).
  assert (C : Rabs (peval difference (r * 1024)) <= IZR bound).
  { apply (certified _ _ 178). exact difference_check_32. rewrite Rabs_mult, (Rabs_pos_eq 1024) by lra. simpl. lra. }
  replace (1 + r + A0 r - exp r) with (peval difference (r * 1024) / denominator - (exp r - series 9 r)).
  2: { rewrite <- difference_is. ring. }
  apply Rabs_le_inv in C. apply Rabs_le_inv in T. unfold bound_32 in C. factorials. cbn [pow] in T.
  apply Rabs_le. lra.
Qed.

Ltac by_gappa F H :=
  unfold A0, ExpReduction.square, ExpReduction.curve, q, Q, odds, evens, exactly;
  rewrite <- (round_generic radix2 fexp ZnearestE _ F) in H; rewrite <- (round_generic radix2 fexp ZnearestE _ F); gappa.

Lemma negative r : format r -> - rho <= r <= 0 ->
  Rabs (square r * curve r - A0 r) <= 76 / 1024 * / 16777216 /\ Rabs (square r * curve r) <= 63 / 1024.
Proof. intros F H. by_gappa F H. Qed.
Lemma near r : format r -> 0 <= r <= / 1024 ->
  Rabs (square r * curve r - A0 r) <= 76 / 1024 * / 16777216 /\ Rabs (square r * curve r) <= 63 / 1024.
Proof. intros F H. by_gappa F H. Qed.
Lemma positive r : format r -> 0 <= r <= rho ->
  Rabs (square r * curve r - A0 r) <= 128 / 1024 * / 16777216 /\ Rabs (square r * curve r) <= 127 / 1024.
Proof. intros F H. by_gappa F H. Qed.

Lemma line_terms r : -rho <= r <= 0 -> Rabs (r * r * (/ 2 + r * (/ 6 + r * (/ 24 + r * / 120)))) <= 123 / 2048.
Proof. intros H. gappa. Qed.
Lemma line_lower r : - rho <= r <= / 1024 -> Rabs (exp r - 1 - r) <= 62 / 1024.
Proof.
  intros H. assert (T := exp_taylor 5 r rho ltac:(apply Rabs_le; lra) ltac:(lra)).
  assert (E : series 5 r - 1 - r = r * r * (/ 2 + r * (/ 6 + r * (/ 24 + r * / 120)))) by (cbn [series pow]; factorials; field).
  assert (L : Rabs (series 5 r - 1 - r) <= 3967 / 65536).
  { rewrite E. destruct (Rle_dec r 0) as [N|N]. apply Rle_trans with (1 := line_terms r ltac:(lra)). lra.
    assert (P : 0 <= r <= / 1024) by lra. revert P. generalize r. clear. intros r H. gappa. }
  apply Rabs_le_inv in L. apply Rabs_le_inv in T. factorials. cbn [pow] in T. apply Rabs_le. lra.
Qed.
Lemma line_upper r : 0 <= r <= rho -> Rabs (exp r - 1 - r) <= 70 / 1024.
Proof.
  intros H. assert (T := exp_taylor 5 r rho ltac:(apply Rabs_le; lra) ltac:(lra)).
  assert (E : series 5 r - 1 - r = r * r * (/ 2 + r * (/ 6 + r * (/ 24 + r * / 120)))) by (cbn [series pow]; factorials; field).
  assert (L : Rabs (series 5 r - 1 - r) <= 4479 / 65536).
  { rewrite E. revert H. generalize r. clear. intros r H. gappa. }
  apply Rabs_le_inv in L. apply Rabs_le_inv in T. factorials. cbn [pow] in T. apply Rabs_le. lra.
Qed.

Notation HI := (IZR h * bpow radix2 (-24)).
Lemma HI_is : HI = 11629080 * / 16777216. Proof. reflexivity. Qed.
Lemma ln2_is : Rabs (ln 2 - (11629080 * / 16777216 + LO)) <= / 562949953421312.
Proof.
  assert (B := ln2_between 20 390207173010334 390207173010336 1125899906842624 ln2_check_32).
  apply Rabs_le. lra.
Qed.
Lemma ln2_rest k : (Z.abs k <= 151)%Z -> Rabs (IZR k * (ln 2 - HI - LO)) <= / 2199023255552.
Proof.
  intros H. rewrite HI_is. apply IZR_le in H. rewrite abs_IZR in H. rewrite Rabs_mult.
  apply Rle_trans with (151 * / 562949953421312); [|lra].
  apply Rmult_le_compat; auto using Rabs_pos. assert (L := ln2_is).
  replace (ln 2 - _ - LO) with (ln 2 - (11629080 * / 16777216 + LO)) by ring. assumption.
Qed.

(* The integer that the code finds. *)
Definition multiple (x : R) (k : Z) : Prop := Rabs (IZR k - x * L2E) <= / 2.

Lemma range x k : -104 <= x <= 89 -> multiple x k -> (-151 <= k <= 129)%Z.
Proof.
  intros H M. apply Rabs_le_inv in M. assert (-152 < IZR k < 130) by lra.
  assert (-152 < k < 130)%Z by (split; apply lt_IZR; lra). lia.
Qed.

(* Everything that ExpReduction.v says of this format. *)
Lemma single_whole x k : format x -> -104 <= x <= 89 -> multiple x k ->
  let r := reduced_hi (-149) 24 h LO x k in let lo := reduced_lo (-149) 24 h LO x k in
  let y := core (-149) 24 q r lo in let z := result (-149) 24 h LO q x k in
  ((bpow radix2 (-126) <= exp x -> Rabs (z - exp x) <= (/ 2 + 19 / 100) * ulp radix2 fexp (exp x))
    /\ (exp x < bpow radix2 (-126) -> Rabs (z - exp x) <= (/ 2 + (/ 2 + 19 / 100) / 2) * ulp radix2 fexp (exp x)))
  /\ Rabs r <= rho /\ Rabs lo <= bpow radix2 (-24) /\ / 2 <= y <= 15 / 8
  /\ Rabs (y - exp (x - IZR k * ln 2)) <= 2 * bpow radix2 (-24).
Proof.
  intros F H M r lo y z. assert (K := range x k H M). assert (M' := Rabs_le_inv _ _ M).
  assert (KR : -151 <= IZR k <= 129) by (split; apply IZR_le; lia).
  apply (expression_error (-149) 24) with (qe := (-21)%Z) (w := / 2199023255552)
    (m := 66 / 1024 * / 16777216) (a1 := 76 / 1024 * / 16777216) (a2 := 128 / 1024 * / 16777216)
    (c1 := 62 / 1024) (c2 := 70 / 1024) (slack := 19 / 100) (A0 := A0); clear r lo y z;
    try assumption; try lia; try (unfold off; simpl; lra).
  - exact method.
  - intros r Fr Hr. destruct (Rle_dec r 0). destruct (negative r Fr) as [A B]. lra. split; [|split]; try assumption. now apply line_lower.
    destruct (near r Fr) as [A B]. lra. split; [|split]; try assumption. now apply line_lower.
  - intros r Fr Hr. destruct (positive r Fr Hr) as [A B]. split; [|split]; try assumption. now apply line_upper.
  - destruct (Z.eq_dec k 0) as [->|K0]; [now left|right].
    assert (P : 1 <= Rabs (IZR k)) by (rewrite <- abs_IZR; apply IZR_le; lia).
    unfold Rabs in *. destruct (Rcase_abs (IZR k)), (Rcase_abs x); lra.
  - change (- (24))%Z with (-24)%Z. rewrite HI_is. apply Rabs_le. lra.
  - apply Rabs_le. simpl. lra.
  - apply (ln2_rest k). lia.
Qed.

Theorem single_error x k : format x -> -104 <= x <= 89 -> multiple x k ->
  let z := result (-149) 24 h LO q x k in
  (bpow radix2 (-126) <= exp x -> Rabs (z - exp x) <= 69 / 100 * ulp radix2 fexp (exp x))
  /\ (exp x < bpow radix2 (-126) -> Rabs (z - exp x) <= 85 / 100 * ulp radix2 fexp (exp x)).
Proof.
  intros F H M z. destruct (single_whole x k F H M) as [[B1 B2] _].
  assert (Up := ulp_ge_0 radix2 fexp (exp x)). split; intros L.
  apply Rle_trans with (1 := B1 L). apply Rmult_le_compat_r; lra.
  apply Rle_trans with (1 := B2 L). apply Rmult_le_compat_r; lra.
Qed.
