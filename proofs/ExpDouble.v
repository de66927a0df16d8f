(* exp of binary64 over the reals: the numbers of Coefficients.v in the analysis of ExpReduction.v.

   The method's error (the polynomial against e^r) is bounded by integer arithmetic, the roundings of the polynomial by
   Gappa. double_error: for every x of the format in [-746, 710], with k an integer nearest to x log2 e, the computed value
   is within 0.63 units of the last place of e^x where e^x is normal, and within 0.82 where it is not. *)
Require Import ZArith Reals Lra Lia List.
Import ListNotations.
From Flocq Require Import Core.
From Gappa Require Import Gappa_tactic.
From Tweedie Require Import Certificate Computed Rounding ExpSteps ExpReduction.
Open Scope R_scope.

Local Instance precision_positive : Prec_gt_0 53. Proof. reflexivity. Qed.
Notation fexp := (FLT_exp (-1074) 53).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Notation h := 6243314768165359%Z.
Notation LO := (7525737178955839 * / 324518553658426726783156020576256).
Notation L2E := (3248660424278399 * / 2251799813685248).
Notation c0 := (6004799503160667 * / 36028797018963968).
Notation c1 := (3002399751580333 * / 72057594037927936).
Notation c2 := (4803839602519039 * / 576460752303423488).
Notation c3 := (100079991719173 * / 72057594037927936).
Notation c4 := (3660068278834501 * / 18446744073709551616).
Notation c5 := (7320136555967033 * / 295147905179352825856).
Notation c6 := (3253384010461739 * / 1180591620717411303424).
Notation c7 := (5205415193171985 * / 18889465931478580854784).
Notation c8 := (3794843559161859 * / 151115727451828646838272).
Notation c9 := (316220357383893 * / 151115727451828646838272).

Definition evens (f : R -> R) (s : R) : R := f (f (f (f (c8 * s + c6) * s + c4) * s + c2) * s + c0).
Definition odds (f : R -> R) (s : R) : R := f (f (f (f (c9 * s + c7) * s + c5) * s + c3) * s + c1).
Definition exactly (x : R) : R := x.
Definition Q (r : R) : R := odds exactly (r * r) * r + evens exactly (r * r).
Definition A0 (r : R) : R := r * r * (r * Q r + / 2).
Definition q (r : R) : R := rnd (odds rnd (rnd (r * r)) * r + evens rnd (rnd (r * r))).
Notation square := (square (-1074) 53).
Notation curve := (curve (-1074) 53 q).
Notation rho := (22714 / 65536).

Notation difference := difference_64.
Notation bound := bound_64.
Notation denominator := 31312580279134677900187390097710303167081728664973699304128512000.
Lemma difference_is r : 1 + r + A0 r - series 15 r = peval difference (r * 512) / denominator.
Proof. unfold A0, Q, odds, evens, exactly, difference_64. cbn [series peval pow]. factorials. field. Qed.

Lemma method r : Rabs r <= rho -> Rabs (1 + r + A0 r - exp r) <= 9 / 1024 * / 9007199254740992.
Proof.
  intros H. assert (T := exp_taylor 15 r rho H ltac:(lra)).
  assert (C : Rabs (peval difference (r * 512)) <= IZR bound).
  { apply (certified _ _ 90). exact difference_check_64. rewrite Rabs_mult, (Rabs_pos_eq 512) by lra. simpl. lra. }
  replace (1 + r + A0 r - exp r) with (peval difference (r * 512) / denominator - (exp r - series 15 r)).
  2: { rewrite <- difference_is. ring. }
  apply Rabs_le_inv in C. apply Rabs_le_inv in T. unfold bound_64 in C. factorials. cbn [pow] in T.
  apply Rabs_le. lra.
Qed.

Ltac by_gappa F H :=
  unfold A0, ExpReduction.square, ExpReduction.curve, q, Q, odds, evens, exactly;
  rewrite <- (round_generic radix2 fexp ZnearestE _ F) in H; rewrite <- (round_generic radix2 fexp ZnearestE _ F); gappa.

Lemma negative r : format r -> - rho <= r <= 0 ->
  Rabs (square r * curve r - A0 r) <= 76 / 1024 * / 9007199254740992 /\ Rabs (square r * curve r) <= 63 / 1024.
Proof. intros F H. by_gappa F H. Qed.
Lemma near r : format r -> 0 <= r <= / 1024 ->
  Rabs (square r * curve r - A0 r) <= 76 / 1024 * / 9007199254740992 /\ Rabs (square r * curve r) <= 63 / 1024.
Proof. intros F H. by_gappa F H. Qed.
Lemma positive r : format r -> 0 <= r <= rho ->
  Rabs (square r * curve r - A0 r) <= 128 / 1024 * / 9007199254740992 /\ Rabs (square r * curve r) <= 127 / 1024.
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

Notation HI := (IZR h * bpow radix2 (-53)).
Lemma HI_is : HI = 6243314768165359 * / 9007199254740992. Proof. reflexivity. Qed.
Lemma ln2_is : Rabs (ln 2 - (6243314768165359 * / 9007199254740992 + LO)) <= / 324518553658426726783156020576256.
Proof.
  assert (B := ln2_between 28 224939120507729810846275465740350 224939120507729810846275465740352 649037107316853453566312041152512 ln2_check_64).
  apply Rabs_le. lra.
Qed.
Lemma ln2_rest k : (Z.abs k <= 1077)%Z -> Rabs (IZR k * (ln 2 - HI - LO)) <= / 158456325028528675187087900672.
Proof.
  intros H. rewrite HI_is. apply IZR_le in H. rewrite abs_IZR in H. rewrite Rabs_mult.
  apply Rle_trans with (1077 * / 324518553658426726783156020576256); [|lra].
  apply Rmult_le_compat; auto using Rabs_pos. assert (L := ln2_is).
  replace (ln 2 - _ - LO) with (ln 2 - (6243314768165359 * / 9007199254740992 + LO)) by ring. assumption.
Qed.

(* The integer that the code finds. *)
Definition multiple (x : R) (k : Z) : Prop := Rabs (IZR k - x * L2E) <= / 2.

Lemma range x k : -746 <= x <= 710 -> multiple x k -> (-1077 <= k <= 1025)%Z.
Proof.
  intros H M. apply Rabs_le_inv in M. assert (-1078 < IZR k < 1026) by lra.
  assert (-1078 < k < 1026)%Z by (split; apply lt_IZR; lra). lia.
Qed.

(* Everything that ExpReduction.v says of this format. *)
Lemma double_whole x k : format x -> -746 <= x <= 710 -> multiple x k ->
  let r := reduced_hi (-1074) 53 h LO x k in let lo := reduced_lo (-1074) 53 h LO x k in
  let y := core (-1074) 53 q r lo in let z := result (-1074) 53 h LO q x k in
  ((bpow radix2 (-1022) <= exp x -> Rabs (z - exp x) <= (/ 2 + 13 / 100) * ulp radix2 fexp (exp x))
    /\ (exp x < bpow radix2 (-1022) -> Rabs (z - exp x) <= (/ 2 + (/ 2 + 13 / 100) / 2) * ulp radix2 fexp (exp x)))
  /\ Rabs r <= rho /\ Rabs lo <= bpow radix2 (-53) /\ / 2 <= y <= 15 / 8
  /\ Rabs (y - exp (x - IZR k * ln 2)) <= 2 * bpow radix2 (-53).
Proof.
  intros F H M r lo y z. assert (K := range x k H M). assert (M' := Rabs_le_inv _ _ M).
  assert (KR : -1077 <= IZR k <= 1025) by (split; apply IZR_le; lia).
  apply (expression_error (-1074) 53) with (qe := (-44)%Z) (w := / 158456325028528675187087900672)
    (m := 9 / 1024 * / 9007199254740992) (a1 := 76 / 1024 * / 9007199254740992) (a2 := 128 / 1024 * / 9007199254740992)
    (c1 := 62 / 1024) (c2 := 70 / 1024) (slack := 13 / 100) (A0 := A0); clear r lo y z;
    try assumption; try lia; try (unfold off; simpl; lra).
  - exact method.
  - intros r Fr Hr. destruct (Rle_dec r 0). destruct (negative r Fr) as [A B]. lra. split; [|split]; try assumption. now apply line_lower.
    destruct (near r Fr) as [A B]. lra. split; [|split]; try assumption. now apply line_lower.
  - intros r Fr Hr. destruct (positive r Fr Hr) as [A B]. split; [|split]; try assumption. now apply line_upper.
  - destruct (Z.eq_dec k 0) as [->|K0]; [now left|right].
    assert (P : 1 <= Rabs (IZR k)) by (rewrite <- abs_IZR; apply IZR_le; lia).
    unfold Rabs in *. destruct (Rcase_abs (IZR k)), (Rcase_abs x); lra.
  - change (- (53))%Z with (-53)%Z. rewrite HI_is. apply Rabs_le. lra.
  - apply Rabs_le. simpl. lra.
  - apply (ln2_rest k). lia.
Qed.

Theorem double_error x k : format x -> -746 <= x <= 710 -> multiple x k ->
  let z := result (-1074) 53 h LO q x k in
  (bpow radix2 (-1022) <= exp x -> Rabs (z - exp x) <= 63 / 100 * ulp radix2 fexp (exp x))
  /\ (exp x < bpow radix2 (-1022) -> Rabs (z - exp x) <= 82 / 100 * ulp radix2 fexp (exp x)).
Proof.
  intros F H M z. destruct (double_whole x k F H M) as [[B1 B2] _].
  assert (Up := ulp_ge_0 radix2 fexp (exp x)). split; intros L.
  apply Rle_trans with (1 := B1 L). apply Rmult_le_compat_r; lra.
  apply Rle_trans with (1 := B2 L). apply Rmult_le_compat_r; lra.
Qed.
