(* exp_single: the executable exp of Kernels.v in binary32, with the coefficients of Coefficients.v, is finite and within
   0.69 units of the last place of e^x for every number x from -104 to 88.72 whose e^x is normal, and within 0.85 units
   where e^x is below the normal range. These are the bounds of src/arith/bounds.rs. exp_single_near says it as a relative distance. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Computed Arithmetic Coefficients Kernels Refinement Rounding ExpSteps ExpReduction ExpBits Near ExpSingle.
Open Scope R_scope.

Definition constants : table (number single) := convert (literal single) table32.
Notation rep := (rep binary32).

(* Inequalities between numbers of the format. *)
Ltac decided := lazymatch goal with
  | |- (_ <= _)%Z => vm_compute; discriminate
  | |- (_ < _)%Z => reflexivity
  | |- (_ < _ < _)%Z => split; reflexivity
  end.
Ltac literally m e := apply (rep_make binary32 m e); [decided | decided | simpl; apply Rabs_le; lra].

Lemma polynomial r R0 s : rep r R0 -> Rabs R0 <= 3 / 8 -> rep s (rnd (R0 * R0)) ->
  rep (even_odd single r s (EXP_TAIL constants)) (q R0) /\ Rabs (q R0) <= 1.
Proof.
  intros Hr HR Hs. assert (Step := @horner_step binary32 _ _ ltac:(decided) ltac:(decided) 0%nat 0%nat).
  assert (B : Rabs (rnd (R0 * R0)) <= / 4) by (apply (@square_small binary32 _ ltac:(decided) ltac:(decided) 0%nat 0%nat); assumption).
  set (S := rnd (R0 * R0)) in *.
  assert (C0 : rep (literal single (11184713, -26)%Z) c0) by literally 11184713%Z (-26)%Z.
  assert (C1 : rep (literal single (349523, -23)%Z) c1) by literally 349523%Z (-23)%Z.
  assert (C2 : rep (literal single (8985849, -30)%Z) c2) by literally 8985849%Z (-30)%Z.
  assert (C3 : rep (literal single (11976051, -33)%Z) c3) by literally 11976051%Z (-33)%Z.
  destruct (Step _ _ _ _ _ _ C2 Hs C0 ltac:(apply Rabs_le; lra) B ltac:(apply Rabs_le; lra)) as [E4 B4].
  destruct (Step _ _ _ _ _ _ C3 Hs C1 ltac:(apply Rabs_le; lra) B ltac:(apply Rabs_le; lra)) as [O4 D4].
  exact (@last_step binary32 _ _ ltac:(decided) ltac:(decided) 0%nat 0%nat _ _ _ _ _ _ O4 Hr E4 D4 HR B4).
Qed.

Theorem exp_single b : is_finite b = true -> -104 <= B2R b <= 8872 / 100 ->
  let y := exp single constants b in let e := Rtrigo_def.exp (B2R b) in
  is_finite y = true
  /\ (bpow radix2 (-126) <= e -> Rabs (B2R y - e) <= 69 / 100 * ulp radix2 fexp e)
  /\ (e < bpow radix2 (-126) -> Rabs (B2R y - e) <= 85 / 100 * ulp radix2 fexp e).
Proof.
  intros Fb Hx y e. set (x := B2R b) in *.
  assert (Fx : format x) by exact (generic_format_B2R _ _ b).
  assert (Hx' : -104 <= x <= 89) by lra.
  destruct (@bits_of_exp binary32 _ _ ltac:(decided) ltac:(decided) ltac:(decided) constants h LO L2E q
    rho (-104) (8872 / 100)) with (n := 130%nat) (m := 152%nat) (b := b) (x := x) as [k [M [Fy Vy]]];
    try decided; try exact powers_32; try exact polynomial; try lra.
  - literally 12102203%Z (-23)%Z.
  - replace (IZR h * bpow radix2 (- precision binary32)) with (IZR 1453635 * bpow radix2 (-21)) by (simpl; lra). literally 1453635%Z (-21)%Z.
  - literally (-1072225)%Z (-49)%Z.
  - literally 3%Z 22%Z.
  - exists (89 * 1). split. literally 89%Z 0%Z. lra.
  - exists (-13 * 8). split. literally (-13)%Z 3%Z. lra.
  - now split.
  - simpl. apply Rabs_le. lra.
  - intros k M. destruct (single_whole x k Fx Hx' M) as [_ [Hr [Hlo [Hy Hn]]]].
    assert (Kr := range x k Hx' M). assert (M' := Rabs_le_inv _ _ M).
    assert (KR : -151 <= IZR k <= 129) by (split; apply IZR_le; lia).
    assert (K24 : (k <= 128)%Z). { assert (k < 129)%Z by (apply lt_IZR; lra). lia. }
    cbv zeta. split; [|split; [|split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]]]].
    + destruct (Z.eq_dec k 0) as [->|K0]; [now left|right].
      assert (P : 1 <= Rabs (IZR k)) by (rewrite <- abs_IZR; apply IZR_le; lia).
      unfold Rabs in *. destruct (Rcase_abs (IZR k)), (Rcase_abs x); lra.
    + change (- precision binary32)%Z with (-24)%Z. rewrite HI_is. apply Rabs_le. lra.
    + apply Rabs_le. lra.
    + exact Hr.
    + apply Rle_trans with (1 := Hlo). simpl. lra.
    + exact Hy.
    + set (y0 := core (-149) 24 q (reduced_hi (-149) 24 h LO x k) (reduced_lo (-149) 24 h LO x k)) in *.
      change (y0 * bpow radix2 k <= (1 - / 512) * bpow radix2 128).
      destruct (Z.eq_dec k 128) as [Kt|Kt].
      * rewrite Kt in *. apply Rmult_le_compat_r. apply bpow_ge_0. apply Rabs_le_inv in Hn.
        assert (L := ln2_rest 1 ltac:(decided)). rewrite HI_is in L. apply Rabs_le_inv in L.
        set (v := x - 128 * Rpower.ln 2) in *. assert (V : v <= - (27 / 10000)) by (unfold v; lra).
        assert (E := exp_ineq1_le (- v)). rewrite exp_Ropp in E. assert (Ep := exp_pos v).
        assert (Rtrigo_def.exp v * (1 + 27 / 10000) <= 1).
        { apply Rle_trans with (Rtrigo_def.exp v * / Rtrigo_def.exp v). apply Rmult_le_compat_l; lra. rewrite Rinv_r; lra. }
        simpl in Hn. lra.
      * apply Rle_trans with (15 / 8 * bpow radix2 127).
        apply Rmult_le_compat; try lra. apply bpow_ge_0. apply bpow_le. lia.
        change 128%Z with (1 + 127)%Z. rewrite bpow_plus. assert (P := bpow_gt_0 radix2 127). change (bpow radix2 1) with 2.
        lra.
    + lia.
    + intros Neg. assert (k < 1)%Z by (apply lt_IZR; lra). lia.
    + intros Pos. assert (-1 < k)%Z by (apply lt_IZR; lra). lia.
  - destruct (single_error x k Fx Hx' M) as [E1 E2].
    split. exact Fy. change (B2R y = result (-149) 24 h LO q x k) in Vy. unfold e. rewrite Vy. now split.
Qed.

(* As a relative distance. *)
Theorem exp_single_near b : is_finite b = true -> -104 <= B2R b <= 8872 / 100 ->
  let e := Rtrigo_def.exp (B2R b) in bpow radix2 (-126) <= e ->
  Near.near (- Rpower.ln (1 - 138 / 100 * bpow radix2 (-24))) (B2R (exp single constants b)) e.
Proof.
  intros Fb Hx e He. destruct (exp_single b Fb Hx) as [_ [H _]]. specialize (H He). fold e in H.
  assert (Ep : 0 < e) by apply exp_pos. apply Near.near_relative. simpl. lra.
  assert (U := ulp_FLT_le radix2 (-149) 24 e). rewrite (Rabs_pos_eq e) in * by lra.
  specialize (U He). change (bpow radix2 (1 - 24)) with (bpow radix2 (1 + -24)) in U. rewrite bpow_plus in U.
  change (bpow radix2 1) with 2 in U. apply Rle_trans with (1 := H). lra.
Qed.

(* Further down the result is 0, which is right to half a unit. *)
Theorem exp_single_below b : is_finite b = true -> B2R b < -104 ->
  let e := Rtrigo_def.exp (B2R b) in
  exp single constants b = B754_zero false /\ Rabs (0 - e) <= / 2 * ulp radix2 fexp e.
Proof.
  intros Fb Hx e. split.
  - assert (Ro : rep (EXP_OVERFLOW constants) (89 * 1)) by literally 89%Z 0%Z.
    assert (Ru : rep (EXP_UNDERFLOW constants) (-13 * 8)) by literally (-13)%Z 3%Z.
    assert (Rb : rep b (B2R b)) by now split.
    rewrite <- lowest_32. fold constants. unfold Kernels.exp.
    rewrite (rep_below binary32 _ _ _ _ Ro Rb), Rlt_bool_false by lra. cbv zeta iota.
    rewrite (rep_below binary32 _ _ _ _ Rb Ru), Rlt_bool_true by lra. cbv iota.
    rewrite (rep_below binary32 _ _ _ _ Ro Ru), Rlt_bool_false by lra. cbv iota.
    rewrite (rep_below binary32 _ _ _ _ Ru Ru), Rlt_bool_false by lra. reflexivity.
  - assert (Ep : 0 < e) by apply exp_pos.
    assert (L := ln2_rest 1 ltac:(decided)). rewrite HI_is in L. apply Rabs_le_inv in L.
    assert (S : e < bpow radix2 (-149 - 1)).
    { rewrite bpow_exp. apply exp_increasing. simpl IZR. change (IZR radix2) with 2. lra. }
    assert (B : bpow radix2 (-149 - 1) = / 2 * bpow radix2 (-149)) by (unfold Z.sub; rewrite bpow_plus; simpl; lra).
    rewrite (ulp_FLT_small radix2 (-149) 24).
    + unfold Rminus. rewrite Rplus_0_l, Rabs_Ropp, Rabs_pos_eq; lra.
    + rewrite Rabs_pos_eq by lra. apply Rlt_trans with (1 := S). apply bpow_lt. reflexivity.
Qed.
