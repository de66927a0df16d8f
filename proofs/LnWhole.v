(* The whole of ln over the reals, in any binary format.

   ln_error: with what a format's numbers give (the hypotheses of the section Whole, which LnDouble.v and LnSingle.v
   prove), for x = (1 + f) 2^k, k = 0 or not, the computed value is within 0.74 units of the last place of ln x. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Rounding LnSteps LnParts Certificate.
Open Scope R_scope.

Section Whole.
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
Variable p : R -> R.
Notation s := (quotient emin prec).
Notation bracket := (bracket emin prec p).
Notation square := (square emin prec).
Notation half_square := (half_square emin prec).
Notation shift := (shift emin prec HI).
Notation line := (line emin prec HI).
Notation parabola := (parabola emin prec HI).
Notation lost := (lost emin prec HI LO).
Notation small := (small emin prec HI LO p).
Notation result := (result emin prec HI LO p).

(* f = m - 1 for a number m of the format from 1/2 to 2. *)
Variable f : R.
Hypothesis Ff : exists n, f = IZR n * u.
Hypothesis f_range : - (600 / 2048) <= f <= 849 / 2048.
Let f_small := f_small prec f Ff f_range.
Let square_near := square_near emin prec wide room f f_range.
Let half_exact := half_exact emin prec wide room f Ff f_range.
Let zero := zero emin prec HI LO p f.
Let around := around emin prec wide room HI LO p f Ff f_range.
Let assembled := assembled emin prec wide HI LO.

(* The exact polynomial: P z. *)
Variable P : R -> R.
Definition b0 (g : R) : R := / 2 * (g * g) + s0 g * s0 g * P (s0 g * s0 g).
Hypothesis far : forall g, - (600 / 2048) <= g <= 849 / 2048 -> Rabs (bracket g - b0 g) <= 240 / 1024 * u /\ Rabs (b0 g) <= 7 / 64.
Hypothesis near : forall g, - (456 / 2048) <= g <= 583 / 2048 -> Rabs (bracket g - b0 g) <= 160 / 1024 * u /\ Rabs (b0 g) <= 14 / 256.
Hypothesis method : Rabs (2 * s0 f + s0 f * (s0 f * s0 f * P (s0 f * s0 f)) - ln (1 + f)) <= 3 / 64 * u * Rabs (s0 f).

Lemma s0_small : Rabs (s0 f) <= 11 / 64.
Proof. apply s0_bound; lra. Qed.
Lemma product D B : Rabs (bracket f - b0 f) <= D -> Rabs (b0 f) <= B -> B <= 1 ->
  Rabs (s f * bracket f - s0 f * b0 f) <= ((1 + 9 / 4 * u) * D + 9 / 4 * u * B) * Rabs (s0 f) /\
  Rabs (s f * bracket f) <= (1 + 9 / 4 * u) * (B + D) * Rabs (s0 f).
Proof.
  intros HD HB B1. assert (U := u_small prec wide). assert (S := Rabs_pos (s0 f)).
  assert (Q := quotient_error emin prec wide room3 f ltac:(lra) f_small).
  assert (Q2 : Rabs (s f) <= (1 + 9 / 4 * u) * Rabs (s0 f)).
  { replace (s f) with (s0 f + (s f - s0 f)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (Bb : Rabs (bracket f) <= B + D).
  { replace (bracket f) with (b0 f + (bracket f - b0 f)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  split.
  - replace (s f * bracket f - s0 f * b0 f) with (s f * (bracket f - b0 f) + (s f - s0 f) * b0 f) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult.
    assert (Rabs (s f) * Rabs (bracket f - b0 f) <= (1 + 9 / 4 * u) * Rabs (s0 f) * D) by (apply Rmult_le_compat; auto using Rabs_pos).
    assert (Rabs (s f - s0 f) * Rabs (b0 f) <= 9 / 4 * u * Rabs (s0 f) * B) by (apply Rmult_le_compat; auto using Rabs_pos).
    lra.
  - rewrite Rabs_mult. replace ((1 + 9 / 4 * u) * (B + D) * Rabs (s0 f)) with ((1 + 9 / 4 * u) * Rabs (s0 f) * (B + D)) by ring.
    apply Rmult_le_compat; auto using Rabs_pos.
Qed.

(* What is rounded last, against ln x. *)
Lemma parts (k a b c : R) : Rabs (parabola k f + lost k f - (k * ln 2 + f - / 2 * (f * f))) <= a ->
  Rabs (small k f - (s f * bracket f + lost k f)) <= b -> Rabs (s f * bracket f - s0 f * b0 f) <= c ->
  Rabs (parabola k f + small k f - (k * ln 2 + ln (1 + f))) <= a + b + c + 3 / 64 * u * Rabs (s0 f).
Proof.
  intros Ha Hb Hc. assert (I := curve_identity f ltac:(lra) (P (s0 f * s0 f))). fold (b0 f) in I.
  assert (M := method). rewrite I in M.
  apply Rabs_le_inv in Ha. apply Rabs_le_inv in Hb. apply Rabs_le_inv in Hc. apply Rabs_le_inv in M. apply Rabs_le. lra.
Qed.

Lemma far_total k : Rabs (parabola k f + lost k f - (k * ln 2 + f - / 2 * (f * f))) <= u / 256 -> Rabs (lost k f) <= / 256 ->
  Rabs (parabola k f + small k f - (k * ln 2 + ln (1 + f))) <= 12 / 100 * u.
Proof.
  intros Ha Hl. assert (U := u_small prec wide). assert (S := Rabs_pos (s0 f)). assert (S1 := s0_small).
  destruct (far f f_range) as [F1 F2]. destruct (product _ _ F1 F2 ltac:(lra)) as [C1 C2].
  assert (Uu : u * u <= / 4194304 * u) by (apply Rmult_le_compat_r; lra).
  assert (0 <= u * u) by (apply Rmult_le_pos; lra).
  set (w1 := (1 + 9 / 4 * u) * (240 / 1024 * u) + 9 / 4 * u * (7 / 64)) in *.
  set (w2 := (1 + 9 / 4 * u) * (7 / 64 + 240 / 1024 * u)) in *.
  assert (W1 : w1 * Rabs (s0 f) <= 486 / 1000 * u * (11 / 64)) by (apply Rmult_le_compat; unfold w1; lra).
  assert (W2 : w2 * Rabs (s0 f) <= 8 / 64 * (11 / 64)) by (apply Rmult_le_compat; unfold w2; lra).
  assert (G : 3 / 64 * u * Rabs (s0 f) <= 3 / 64 * u * (11 / 64)) by (apply Rmult_le_compat_l; lra).
  assert (B : Rabs (small k f - (s f * bracket f + lost k f)) <= u / 64).
  { apply Rle_trans with (bpow radix2 (-5 - prec - 1)).
    - apply half_ulp; try assumption; try lia. change (bpow radix2 (-5)) with (/ 32).
      apply Rle_trans with (1 := Rabs_triang _ _). lra.
    - right. replace (-5 - prec - 1)%Z with (-6 + - prec)%Z by ring. rewrite bpow_plus. simpl. lra. }
  apply Rle_trans with (1 := parts k _ _ _ Ha B C1). lra.
Qed.

Lemma ln_near : Rabs (ln (1 + f) - 2 * s0 f) <= 7 / 100 * Rabs (s0 f).
Proof.
  assert (S := s0_small). assert (Sp := Rabs_pos (s0 f)). assert (T := log_series 0 (s0 f) ltac:(lra)).
  rewrite log_quotient in T by lra. cbn [atanh_sum pow] in T. rewrite Rmult_1_r in T.
  assert (Z : 0 <= s0 f * s0 f <= 121 / 4096).
  { split. apply Rle_0_sqr. rewrite <- (Rabs_pos_eq (s0 f * s0 f)) by apply Rle_0_sqr. rewrite Rabs_mult.
    apply Rle_trans with (11 / 64 * (11 / 64)); [|lra]. apply Rmult_le_compat; auto. }
  apply Rle_trans with (1 := T). apply (Rmult_le_reg_r (1 - s0 f * s0 f)). lra.
  unfold Rdiv. rewrite (Rmult_assoc _ (/ _)), Rinv_l, Rmult_1_r by lra.
  assert (Rabs (s0 f) * (s0 f * s0 f) <= Rabs (s0 f) * (121 / 4096)) by (apply Rmult_le_compat_l; lra). lra.
Qed.
Lemma ln_ge : 193 / 100 * Rabs (s0 f) <= Rabs (ln (1 + f)).
Proof.
  assert (N := ln_near). assert (Tr := Rabs_triang (2 * s0 f - ln (1 + f)) (ln (1 + f))).
  replace (2 * s0 f - ln (1 + f) + ln (1 + f)) with (2 * s0 f) in Tr by ring. rewrite Rabs_minus_sym in Tr.
  rewrite Rabs_mult, (Rabs_pos_eq 2) in Tr by lra. lra.
Qed.

Lemma near_total : f <> 0 -> - (456 / 2048) <= f <= 583 / 2048 ->
  Rabs (parabola 0 f + small 0 f - ln (1 + f)) <= 46 / 100 * u * Rabs (s0 f).
Proof.
  intros F1 Hn. assert (U := u_small prec wide). assert (S := Rabs_pos (s0 f)). destruct around as [A1 A2].
  destruct (near f Hn) as [G1 G2]. destruct (product _ _ G1 G2 ltac:(lra)) as [C1 C2].
  assert (R : Rabs (small 0 f - (s f * bracket f + lost 0 f)) <= u * Rabs (s f * bracket f + lost 0 f) + bpow radix2 (emin - 1)).
  { now apply relative. }
  destruct f_small as [F0|F0]. contradiction. destruct (eta_small emin prec wide room3 f ltac:(lra) F0) as [T1 [T2 _]].
  assert (Us : 0 <= u * Rabs (s0 f)) by (apply Rmult_le_pos; lra).
  assert (Uus : 0 <= u * (u * Rabs (s0 f)) <= / 4194304 * (u * Rabs (s0 f))).
  { split. apply Rmult_le_pos; lra. apply Rmult_le_compat_r; lra. }
  assert (Uuus : u * (u * (u * Rabs (s0 f))) <= / 4194304 * (u * (u * Rabs (s0 f)))) by (apply Rmult_le_compat_r; lra).
  assert (A3 : 64 * u * u * Rabs f <= 64 * u * u * (5 / 2 * Rabs (s0 f))).
  { apply Rmult_le_compat_l. apply Rmult_le_pos; lra. assumption. }
  assert (A4 : 12 * u * Rabs f <= 12 * u * (5 / 2 * Rabs (s0 f))) by (apply Rmult_le_compat_l; lra).
  assert (Rr : u * Rabs (s f * bracket f + lost 0 f) <= u * ((1 + 9 / 4 * u) * (14 / 256 + 160 / 1024 * u) * Rabs (s0 f) + 30 * u * Rabs (s0 f))).
  { apply Rmult_le_compat_l. lra. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (X : Rabs (parabola 0 f + small 0 f - (0 * ln 2 + ln (1 + f))) <= 64 * u * u * Rabs f
    + (u * Rabs (s f * bracket f + lost 0 f) + bpow radix2 (emin - 1))
    + ((1 + 9 / 4 * u) * (160 / 1024 * u) + 9 / 4 * u * (14 / 256)) * Rabs (s0 f) + 3 / 64 * u * Rabs (s0 f)).
  { apply parts; try assumption. now rewrite Rmult_0_l, Rplus_0_l. }
  rewrite Rmult_0_l, Rplus_0_l in X. apply Rle_trans with (1 := X). lra.
Qed.

(* With k: HI and LO are those of the format. *)
Hypothesis HI_range : 6931 / 10000 <= HI <= 6932 / 10000.
Variables (k : Z) (T : Z).
Hypothesis T_range : (- prec + 1 <= T <= -17)%Z.
Hypothesis k_hi : Rabs (IZR k * HI) <= bpow radix2 (T + prec).
Hypothesis k_lo : Rabs (IZR k * LO) <= bpow radix2 T.
Hypothesis k_w : Rabs (IZR k * (ln 2 - HI - LO)) <= u / 1024.

Lemma opposite_multiples m n e : Rabs (IZR m * bpow radix2 e - IZR n * bpow radix2 e) < bpow radix2 (e + prec) -> (emin <= e)%Z ->
  rnd (IZR m * bpow radix2 e - IZR n * bpow radix2 e) = IZR m * bpow radix2 e - IZR n * bpow radix2 e.
Proof.
  rewrite <- Rmult_minus_distr_r, <- minus_IZR. intros H He. apply round_generic; auto with typeclass_instances.
  now apply multiple_format.
Qed.

Lemma moved : k <> 0%Z -> Rabs (parabola (IZR k) f + lost (IZR k) f - (IZR k * ln 2 + f - / 2 * (f * f))) <= u / 256 /\
  Rabs (lost (IZR k) f) <= / 256 /\ / 4 <= Rabs (IZR k * ln 2 + ln (1 + f)).
Proof.
  intros K0. assert (U := u_small prec wide). assert (Tp := bpow_gt_0 radix2 T).
  assert (T17 : bpow radix2 T <= / 131072) by (apply (bpow_le radix2 T (-17)); lia).
  assert (Top : 2 <= bpow radix2 (T + prec)) by (apply (bpow_le radix2 1); lia).
  assert (Err : forall v, Rabs v <= bpow radix2 (T + prec) + 1 -> Rabs (v - rnd v) <= bpow radix2 T).
  { intros v Hv. rewrite Rabs_minus_sym. replace T with (T + prec + 1 - prec - 1)%Z at 1 by ring. apply half_ulp; try assumption; try lia.
    rewrite bpow_plus. change (bpow radix2 1) with 2. lra. }
  assert (KH : 6931 / 10000 <= Rabs (IZR k * HI)).
  { rewrite Rabs_mult, (Rabs_pos_eq HI), <- abs_IZR by lra. assert (1 <= IZR (Z.abs k)) by (apply IZR_le; lia).
    apply Rle_trans with (1 * HI); [lra|]. apply Rmult_le_compat_r; lra. }
  assert (E1 := Err (IZR k * HI) ltac:(lra)). fold (shift (IZR k)) in E1.
  destruct square_near as [Q1 Q2]. assert (He := half_exact).
  assert (Hs : 0 <= half_square f <= 177 / 2048) by lra. clear Q2 He.
  (* By the sign of k. *)
  assert (Sides : (6930 / 10000 <= shift (IZR k) /\ 6931 / 10000 <= IZR k * HI) \/
                  (shift (IZR k) <= - (6930 / 10000) /\ IZR k * HI <= - (6931 / 10000))).
  { apply Rabs_le_inv in E1. unfold Rabs in KH. destruct (Rcase_abs (IZR k * HI)); [right|left]; lra. }
  assert (Bsum : Rabs (shift (IZR k)) <= bpow radix2 (T + prec)).
  { apply abs_round_le_generic; auto with typeclass_instances. apply generic_format_bpow. unfold FLT_exp. lia. }
  apply Rabs_le_inv in Bsum.
  assert (E2 := Err (shift (IZR k) + f) ltac:(apply Rabs_le; lra)). fold (line (IZR k) f) in E2.
  assert (E2' := Rabs_le_inv _ _ E2).
  assert (Bl : Rabs (line (IZR k) f - half_square f) <= bpow radix2 (T + prec) + 1) by (apply Rabs_le; lra).
  assert (E3 := Err (line (IZR k) f - half_square f) Bl). fold (parabola (IZR k) f) in E3.
  assert (E3' := Rabs_le_inv _ _ E3).
  assert (Quarter : forall v, format v -> / 4 <= Rabs v -> exists m, v = IZR m * bpow radix2 (-1 - prec)).
  { intros v Fv Hv. destruct (format_multiple emin prec v (-2) Fv Hv) as [m Hm]. exists m. now replace (-1 - prec)%Z with (-2 + 1 - prec)%Z by ring. }
  assert (Half : bpow radix2 (-1 - prec + prec) = / 2) by (replace (-1 - prec + prec)%Z with (-1)%Z by ring; reflexivity).
  destruct (Quarter (shift (IZR k))) as [m1 M1].
  { apply generic_format_round; auto with typeclass_instances. }
  { unfold Rabs. destruct (Rcase_abs (shift (IZR k))); lra. }
  destruct (Quarter (line (IZR k) f)) as [m2 M2].
  { apply generic_format_round; auto with typeclass_instances. }
  { unfold Rabs. destruct (Rcase_abs (line (IZR k) f)); lra. }
  destruct (Quarter (parabola (IZR k) f)) as [m3 M3].
  { apply generic_format_round; auto with typeclass_instances. }
  { unfold Rabs. destruct (Rcase_abs (parabola (IZR k) f)); lra. }
  assert (X1 : rnd (shift (IZR k) - line (IZR k) f) = shift (IZR k) - line (IZR k) f).
  { rewrite M1, M2. apply opposite_multiples; [|lia]. rewrite <- M1, <- M2, Half. apply Rabs_def1; lra. }
  assert (X2 : rnd (line (IZR k) f - parabola (IZR k) f) = line (IZR k) f - parabola (IZR k) f).
  { rewrite M2, M3. apply opposite_multiples; [|lia]. rewrite <- M2, <- M3, Half. apply Rabs_def1; lra. }
  clear M1 M2 M3 Quarter.
  destruct (assembled (IZR k) f T) as [A1 A2]; try assumption; try lia.
  - apply Rle_trans with (1 := Q1). apply Rle_trans with (bpow radix2 (1 + - prec)). rewrite bpow_plus. change (bpow radix2 1) with 2. lra. apply bpow_le. lia.
  - assert (Tu : bpow radix2 T * u <= / 131072 * u) by (apply Rmult_le_compat_r; lra).
    apply Rabs_le_inv in A1. apply Rabs_le_inv in k_w. split; [|split].
    + apply Rabs_le. lra.
    + lra.
    + assert (N := ln_near). assert (S := s0_small). apply Rabs_le_inv in N. apply Rabs_le_inv in k_lo.
      assert (S' := Rabs_le_inv _ _ S). 
      unfold Rabs. destruct (Rcase_abs (IZR k * ln 2 + ln (1 + f))); lra.
Qed.

Theorem ln_error : let L := IZR k * ln 2 + ln (1 + f) in Rabs (result (IZR k) f - L) <= 74 / 100 * ulp L.
Proof.
  intros L. assert (U := u_small prec wide).
  assert (Far : Rabs (parabola (IZR k) f + small (IZR k) f - L) <= 12 / 100 * u -> / 4 <= Rabs L ->
    Rabs (result (IZR k) f - L) <= 74 / 100 * ulp L).
  { intros H HL. assert (L0 : L <> 0). { intros E. rewrite E, Rabs_R0 in HL. lra. }
    assert (M : (-1 <= mag radix2 L)%Z) by (apply mag_ge_bpow; exact HL).
    apply Rle_trans with ((/ 2 + 24 / 100) * ulp L); [|assert (G := ulp_ge_0 radix2 fexp L); lra].
    apply final; try assumption; try lia; try lra. apply Rle_trans with (1 := H).
    assert (ulp L >= / 2 * u); [|lra]. apply Rle_ge. rewrite ulp_neq_0 by assumption.
    change (/ 2) with (bpow radix2 (-1)). rewrite <- bpow_plus. apply bpow_le. unfold cexp, FLT_exp. lia. }
  destruct (Z.eq_dec k 0) as [K|K].
  - assert (EL : L = ln (1 + f)) by (unfold L; rewrite K; ring). rewrite K in *.
    destruct (Rle_dec (/ 4) (Rabs L)) as [HL|HL].
    + apply Far; try assumption. unfold L. rewrite K. destruct around as [A1 A2].
      assert (Af : Rabs f <= 849 / 2048) by (apply Rabs_le; lra).
      assert (Uu : u * u <= / 4194304 * u) by (apply Rmult_le_compat_r; lra).
      assert (Uf : u * Rabs f <= u * (849 / 2048)) by (apply Rmult_le_compat_l; lra).
      assert (Uuf : u * (u * Rabs f) <= u * (u * (849 / 2048))) by (apply Rmult_le_compat_l; lra).
      apply far_total. rewrite Rmult_0_l, Rplus_0_l. lra. lra.
    + assert (Fn : - (456 / 2048) <= f <= 583 / 2048).
      { rewrite EL in HL. destruct (Rabs_def2 _ _ (Rnot_le_lt _ _ HL)) as [Hu Hl].
        assert (E : exp (ln (1 + f)) = 1 + f) by (apply exp_ln; lra).
        assert (T1 := exp_taylor 4 (/ 4) (/ 4) ltac:(rewrite Rabs_pos_eq; lra) ltac:(lra)).
        assert (T2 := exp_taylor 4 (- / 4) (/ 4) ltac:(rewrite Rabs_left; lra) ltac:(lra)).
        cbn [Certificate.series pow] in T1, T2. factorials. apply Rabs_le_inv in T1. apply Rabs_le_inv in T2.
        assert (G1 := exp_increasing _ _ Hl). assert (G2 := exp_increasing _ _ Hu). rewrite E in G1, G2. lra. }
      destruct (Req_dec f 0) as [F0|F0].
      { destruct (zero F0) as [Z1 [Z2 Z3]]. rewrite EL, F0, Rplus_0_r, ln_1. rewrite F0 in Z1, Z3. unfold result.
        rewrite Z1, Z3, Rplus_0_r, round_0, Rminus_0_r, Rabs_R0 by auto with typeclass_instances.
        apply Rmult_le_pos. lra. apply ulp_ge_0. }
      destruct f_small as [|F1]. contradiction.
      assert (N := near_total F0 Fn). rewrite <- EL in N. assert (G := ln_ge). rewrite <- EL in G.
      destruct (eta_small emin prec wide room3 f ltac:(lra) F1) as [_ [_ S1]].
      assert (UL := ulp_FLT_gt radix2 emin prec L).
      assert (L0 : L <> 0). { intros E. rewrite E, Rabs_R0 in G. lra. }
      apply Rle_trans with ((/ 2 + 24 / 100) * ulp L); [|assert (Gu := ulp_ge_0 radix2 fexp L); lra].
      apply final; try assumption; try lia; try lra.
      * assert (- prec - 1 < mag radix2 L)%Z; [|lia]. apply mag_gt_bpow. unfold Z.sub. rewrite bpow_plus.
        change (bpow radix2 (- (1))) with (/ 2). lra.
      * apply Rle_trans with (1 := N). 
        assert (0 <= u * Rabs (s0 f)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]).
        assert (193 / 100 * Rabs (s0 f) * u <= Rabs L * u) by (apply Rmult_le_compat_r; lra). lra.
  - destruct (moved K) as [A [B C]]. apply Far; [|exact C]. now apply far_total.
Qed.
End Whole.
