(* The expression of ln over the reals, with every rounding, in the order of src/arith/ln.rs, in any binary format.

     assembled   what k ln 2, f and f^2/2 lose in their roundings is found again, but for eight roundings of lost parts;
     around      for k = 0 that is 64 u^2 |f|, so that it is small beside ln(1 + f) however small f is. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core Sterbenz Mult_error.
From Tweedie Require Import Rounding LnSteps.
Open Scope R_scope.

Section Expression.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Notation ulp := (ulp radix2 fexp).
Hypothesis wide : (22 <= prec)%Z.
Hypothesis room : (emin <= - 4 * prec)%Z.
Let wide' : (3 <= prec)%Z. Proof. lia. Qed.
Let room' : (emin <= - prec - 1)%Z. Proof. lia. Qed.
Let room3 : (emin <= - 3 * prec)%Z. Proof. lia. Qed.
Notation u := (bpow radix2 (- prec)).
Variables HI LO : R.
(* The polynomial: p z is its computed value at z. *)
Variable p : R -> R.

Notation s := (quotient emin prec).
Definition series (f : R) : R := let z := rnd (s f * s f) in rnd (z * p z).
Definition square (f : R) : R := rnd (f * f).
Definition half_square (f : R) : R := rnd (/ 2 * square f).
Definition bracket (f : R) : R := rnd (half_square f + series f).
Definition square_lo (f : R) : R := rnd (f * f + - square f).
Definition shift (k : R) : R := rnd (k * HI).
Definition shift_lo (k : R) : R := rnd (k * LO + rnd (k * HI + - shift k)).
Definition line (k f : R) : R := rnd (shift k + f).
Definition line_lo (k f : R) : R := rnd (rnd (shift k - line k f) + f).
Definition parabola (k f : R) : R := rnd (line k f - half_square f).
Definition parabola_lo (k f : R) : R := rnd (rnd (line k f - parabola k f) - half_square f).
Definition lost (k f : R) : R := rnd (rnd (- / 2 * square_lo f + rnd (line_lo k f + parabola_lo k f)) + shift_lo k).
Definition small (k f : R) : R := rnd (s f * bracket f + lost k f).
Definition result (k f : R) : R := rnd (parabola k f + small k f).

(* t = 2^T bounds what the first roundings lose. *)
Theorem assembled k f T : let t := bpow radix2 T in (emin <= T + 3 - prec)%Z ->
  half_square f = / 2 * square f -> rnd (shift k - line k f) = shift k - line k f ->
  rnd (line k f - parabola k f) = line k f - parabola k f ->
  Rabs (k * HI - shift k) <= t -> Rabs (k * LO) <= t -> Rabs (shift k + f - line k f) <= t ->
  Rabs (line k f - half_square f - parabola k f) <= t -> Rabs (f * f - square f) <= t ->
  let e := 4 * t * u in
  Rabs (parabola k f + lost k f - (k * (HI + LO) + f - / 2 * (f * f))) <= 8 * e /\ Rabs (lost k f) <= 6 * t.
Proof.
  intros t Ht Eh El Ep B1 B2 B3 B4 B5 e. assert (U := u_small prec wide). assert (Tp := bpow_gt_0 radix2 T). fold t in Tp.
  assert (E0 : 0 <= e <= / 1024 * t).
  { unfold e. split. apply Rmult_le_pos; lra. assert (t * u <= t * / 4194304) by (apply Rmult_le_compat_l; lra). lra. }
  assert (Step : forall v, Rabs v <= 8 * t -> Rabs (rnd v - v) <= e).
  { intros v Hv. apply Rle_trans with (bpow radix2 (T + 3 - prec - 1)).
    - apply half_ulp; try assumption. rewrite bpow_plus. change (bpow radix2 3) with 8. fold t. lra.
    - right. unfold e. replace (T + 3 - prec - 1)%Z with (2 + T + - prec)%Z by ring. rewrite !bpow_plus. reflexivity. }
  apply Rabs_le_inv in B1. apply Rabs_le_inv in B2. apply Rabs_le_inv in B3. apply Rabs_le_inv in B4. apply Rabs_le_inv in B5.
  assert (S1 := Step (f * f + - square f) ltac:(apply Rabs_le; lra)). fold (square_lo f) in S1. apply Rabs_le_inv in S1.
  assert (S2 := Step (k * HI + - shift k) ltac:(apply Rabs_le; lra)). apply Rabs_le_inv in S2.
  assert (S3 := Step (k * LO + rnd (k * HI + - shift k)) ltac:(apply Rabs_le; lra)). fold (shift_lo k) in S3. apply Rabs_le_inv in S3.
  assert (S4 := Step (rnd (shift k - line k f) + f) ltac:(rewrite El; apply Rabs_le; lra)). fold (line_lo k f) in S4.
  rewrite El in S4. apply Rabs_le_inv in S4.
  assert (S5 := Step (rnd (line k f - parabola k f) - half_square f) ltac:(rewrite Ep; apply Rabs_le; lra)).
  fold (parabola_lo k f) in S5. rewrite Ep in S5. apply Rabs_le_inv in S5.
  assert (S6 := Step (line_lo k f + parabola_lo k f) ltac:(apply Rabs_le; lra)). apply Rabs_le_inv in S6.
  assert (S7 := Step (- / 2 * square_lo f + rnd (line_lo k f + parabola_lo k f)) ltac:(apply Rabs_le; lra)). apply Rabs_le_inv in S7.
  assert (S8 := Step (rnd (- / 2 * square_lo f + rnd (line_lo k f + parabola_lo k f)) + shift_lo k) ltac:(apply Rabs_le; lra)).
  fold (lost k f) in S8. apply Rabs_le_inv in S8.
  split; apply Rabs_le; lra.
Qed.

(* f = m - 1 for a number m of the format from 1/2 to 2. *)
Variable f : R.
Hypothesis Ff : exists n, f = IZR n * u.
Hypothesis f_range : - (600 / 2048) <= f <= 849 / 2048.

Lemma f_small : f = 0 \/ u <= Rabs f.
Proof.
  destruct Ff as [n ->]. destruct (Z.eq_dec n 0) as [->|N]. left; ring. right.
  rewrite Rabs_mult, (Rabs_pos_eq u) by apply bpow_ge_0. rewrite <- (Rmult_1_l u) at 1. apply Rmult_le_compat_r. apply bpow_ge_0.
  rewrite <- abs_IZR. apply IZR_le. lia.
Qed.
Lemma f_format : format f.
Proof.
  destruct Ff as [n E]. rewrite E. apply multiple_format; try lia; try assumption. rewrite <- E.
  replace (- prec + prec)%Z with 0%Z by ring. simpl. apply Rabs_def1; lra.
Qed.

Lemma half_exact : half_square f = / 2 * square f.
Proof.
  unfold half_square. apply round_generic; auto with typeclass_instances. rewrite Rmult_comm. change (/ 2) with (bpow radix2 (-1)).
  destruct f_small as [->|H].
  - unfold square. rewrite Rmult_0_l, round_0, Rmult_0_l by auto with typeclass_instances. apply generic_format_0.
  - apply mult_bpow_exact_FLT. apply generic_format_round; auto with typeclass_instances.
    assert (- prec + - prec < mag radix2 (square f))%Z; [|lia].
    apply mag_gt_bpow. unfold square. rewrite Rabs_pos_eq.
    + apply round_ge_generic; auto with typeclass_instances. apply generic_format_bpow. unfold FLT_exp. lia.
      rewrite bpow_plus. rewrite <- (Rabs_pos_eq (f * f)) by apply Rle_0_sqr. rewrite Rabs_mult.
      apply Rmult_le_compat; auto using bpow_ge_0.
    + apply round_ge_generic; auto with typeclass_instances. apply generic_format_0. apply Rle_0_sqr.
Qed.

Lemma square_near : Rabs (f * f - square f) <= u / 8 /\ 0 <= square f <= 177 / 1024.
Proof.
  assert (U := u_small prec wide).
  assert (F2 : 0 <= f * f <= 1409 / 8192).
  { split. apply Rle_0_sqr. destruct (Rle_dec 0 f).
    apply Rle_trans with (849 / 2048 * (849 / 2048)); [apply Rmult_le_compat; lra|lra].
    replace (f * f) with (- f * - f) by ring. apply Rle_trans with (600 / 2048 * (600 / 2048)); [apply Rmult_le_compat; lra|lra]. }
  assert (N : Rabs (square f - f * f) <= u / 8).
  { apply Rle_trans with (bpow radix2 (-2 - prec - 1)). apply half_ulp; try assumption; try lia.
    rewrite Rabs_pos_eq by lra. simpl. lra.
    right. replace (-2 - prec - 1)%Z with (-3 + - prec)%Z by ring. rewrite bpow_plus. simpl. lra. }
  rewrite Rabs_minus_sym. split. assumption. split.
  apply round_ge_generic; auto with typeclass_instances. apply generic_format_0. lra.
  apply Rabs_le_inv in N. lra.
Qed.

(* Around 1, in k = 0. *)
Lemma zero : f = 0 -> parabola 0 f = 0 /\ lost 0 f = 0 /\ small 0 f = 0.
Proof.
  intros F0. assert (R0 : rnd 0 = 0) by (apply round_0; auto with typeclass_instances).
  assert (S0 : shift 0 = 0) by (unfold shift; now rewrite Rmult_0_l).
  assert (L0 : line 0 f = 0) by (unfold line; now rewrite S0, F0, Rplus_0_l).
  assert (Q : square f = 0) by (unfold square; now rewrite F0, Rmult_0_l).
  assert (H : half_square f = 0) by (unfold half_square; now rewrite Q, Rmult_0_r).
  assert (Pa : parabola 0 f = 0) by (unfold parabola; now rewrite L0, H, Rminus_0_r).
  assert (Lo : lost 0 f = 0).
  { unfold lost, line_lo, parabola_lo, square_lo, shift_lo. rewrite Pa, L0, H, Q, S0, F0.
    repeat (rewrite ?Rmult_0_l, ?Rmult_0_r, ?Ropp_0, ?Rplus_0_l, ?Rplus_0_r, ?Rminus_0_r, ?R0). reflexivity. }
  split; [|split]; auto. unfold small. rewrite Lo. unfold quotient, Rdiv. now rewrite F0, Rmult_0_l, R0, Rmult_0_l, Rplus_0_l.
Qed.

Lemma around : Rabs (parabola 0 f + lost 0 f - (f - / 2 * (f * f))) <= 64 * u * u * Rabs f /\ Rabs (lost 0 f) <= 12 * u * Rabs f.
Proof.
  assert (U := u_small prec wide). assert (Fo := f_format).
  assert (S0 : shift 0 = 0). { unfold shift. rewrite Rmult_0_l. apply round_0; auto with typeclass_instances. }
  assert (L0 : line 0 f = f). { unfold line. rewrite S0, Rplus_0_l. apply round_generic; auto with typeclass_instances. }
  destruct f_small as [F0|F0].
  { destruct (zero F0) as [Pa [Lo _]]. rewrite Pa, Lo, F0, !Rabs_R0. split; [apply Rabs_le|]; lra. }
  set (e := mag radix2 f : Z).
  assert (F1 : f <> 0). { intros E. rewrite E, Rabs_R0 in F0. lra. }
  assert (M1 := bpow_mag_gt radix2 f). assert (M2 := bpow_mag_le radix2 f F1). fold e in M1, M2.
  assert (E1 : (- prec < e)%Z). { apply (lt_bpow radix2). lra. }
  assert (Be : bpow radix2 (e - 1) = / 2 * bpow radix2 e). { unfold Z.sub. rewrite bpow_plus. simpl. lra. }
  assert (Bt : bpow radix2 (e - prec) = bpow radix2 e * u) by apply bpow_plus.
  destruct square_near as [Q1 Q2]. assert (He := half_exact).
  assert (Af : Rabs f <= 849 / 2048) by (apply Rabs_le; lra).
  assert (Ff2 : Rabs (f * f) <= bpow radix2 e).
  { rewrite Rabs_mult. apply Rle_trans with (1 * Rabs f); [|lra]. apply Rmult_le_compat_r. apply Rabs_pos. lra. }
  assert (Sq : Rabs (f * f - square f) <= / 2 * bpow radix2 (e - prec)).
  { rewrite Rabs_minus_sym. apply Rle_trans with (bpow radix2 (e - prec - 1)). apply half_ulp; try assumption; lia.
    right. unfold Z.sub at 1. rewrite bpow_plus. simpl. lra. }
  assert (Hs : Rabs (half_square f) <= 22 / 100 * Rabs f).
  { assert (X : Rabs (square f - f * f) <= u * Rabs (f * f) + bpow radix2 (emin - 1)) by now apply relative.
    destruct (eta_small emin prec wide room3 f ltac:(lra) F0) as [T _].
    assert (Y : Rabs (f * f) <= 849 / 2048 * Rabs f) by (rewrite Rabs_mult; apply Rmult_le_compat_r; [apply Rabs_pos|lra]).
    assert (Z0 : Rabs (s0 f) <= 2 * Rabs f).
    { unfold s0, Rdiv. rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r. apply Rabs_pos.
      rewrite Rabs_pos_eq by (left; apply Rinv_0_lt_compat; lra). apply (Rmult_le_reg_r (2 + f)). lra. rewrite Rinv_l; lra. }
    assert (u * Rabs (f * f) <= / 4194304 * Rabs (f * f)) by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]).
    assert (u * Rabs (s0 f) <= / 4194304 * Rabs (s0 f)) by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]).
    rewrite He, Rabs_mult, (Rabs_pos_eq (/ 2)) by lra.
    replace (square f) with (f * f + (square f - f * f)) by ring. assert (Tr := Rabs_triang (f * f) (square f - f * f)). 
    assert (Ap := Rabs_pos f). lra. }
  assert (Pe : Rabs (f - half_square f - parabola 0 f) <= bpow radix2 (e - prec)).
  { unfold parabola. rewrite L0. rewrite Rabs_minus_sym. replace (e - prec)%Z with (e + 1 - prec - 1)%Z by ring.
    apply half_ulp; try assumption; try lia. rewrite bpow_plus. simpl.
    unfold Rminus. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. assert (Ap := Rabs_pos f). lra. }
  assert (Ex : rnd (f - parabola 0 f) = f - parabola 0 f).
  { apply round_generic; auto with typeclass_instances.
    assert (Fp : format (parabola 0 f)) by (apply generic_format_round; auto with typeclass_instances).
    assert (Bu : bpow radix2 (e - prec) <= / 100 * Rabs f).
    { rewrite Bt. assert (bpow radix2 e * u <= bpow radix2 e * / 4194304) by (apply Rmult_le_compat_l; [apply bpow_ge_0|lra]).
      assert (Be0 := bpow_ge_0 radix2 e). lra. }
    apply Rabs_le_inv in Pe. apply Rabs_le_inv in Hs.
    destruct (Rle_dec 0 f) as [Pf|Pf].
    - rewrite Rabs_pos_eq in * by assumption. apply sterbenz; auto with typeclass_instances. lra.
    - rewrite Rabs_left in * by lra. replace (f - parabola 0 f) with (- (- f - - parabola 0 f)) by ring.
      apply generic_format_opp. apply sterbenz; auto with typeclass_instances; try now apply generic_format_opp. lra. }
  destruct (assembled 0 f (e - prec)) as [A1 A2]; try assumption; try lia.
  - rewrite S0, L0. apply round_generic; auto with typeclass_instances. replace (0 - f) with (- f) by ring. now apply generic_format_opp.
  - now rewrite L0.
  - rewrite S0, Rmult_0_l, Rminus_0_r, Rabs_R0. apply bpow_ge_0.
  - rewrite Rmult_0_l, Rabs_R0. apply bpow_ge_0.
  - rewrite S0, L0. replace (0 + f - f) with 0 by ring. rewrite Rabs_R0. apply bpow_ge_0.
  - now rewrite L0.
  - assert (Be0 := bpow_ge_0 radix2 (e - prec)). lra.
  - rewrite Bt in A1, A2. rewrite Rmult_0_l, Rplus_0_l in A1.
    assert (Q3 : bpow radix2 e * u <= 2 * Rabs f * u) by (apply Rmult_le_compat_r; lra).
    assert (Q4 : bpow radix2 e * u * u <= 2 * Rabs f * u * u) by (apply Rmult_le_compat_r; lra).
    split; lra.
Qed.
End Expression.
