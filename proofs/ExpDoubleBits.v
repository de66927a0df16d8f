(* exp_double: the executable exp of Kernels.v in binary64, with the coefficients of Coefficients.v, is finite and within
   0.63 units of the last place of e^x for every number x from -746 to 709.78 whose e^x is normal, and within 0.82 units
   where e^x is below the normal range. These are the bounds of src/arith/bounds.rs. exp_double_near says it as a relative distance. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Computed Arithmetic Coefficients Kernels Refinement Rounding ExpSteps ExpReduction ExpBits Near ExpDouble.
Open Scope R_scope.

Definition constants : table (number double) := convert (literal double) table64.
Notation rep := (rep binary64).

(* Inequalities between numbers of the format. *)
Ltac decided := lazymatch goal with
  | |- (_ <= _)%Z => vm_compute; discriminate
  | |- (_ < _)%Z => reflexivity
  | |- (_ < _ < _)%Z => split; reflexivity
  end.
Ltac literally m e := apply (rep_make binary64 m e); [decided | decided | simpl; apply Rabs_le; lra].

Lemma polynomial r R0 s : rep r R0 -> Rabs R0 <= 3 / 8 -> rep s (rnd (R0 * R0)) ->
  rep (even_odd double r s (EXP_TAIL constants)) (q R0) /\ Rabs (q R0) <= 1.
Proof.
  intros Hr HR Hs. assert (Step := @horner_step binary64 _ _ ltac:(decided) ltac:(decided) 0%nat 0%nat).
  assert (B : Rabs (rnd (R0 * R0)) <= / 4) by (apply (@square_small binary64 _ ltac:(decided) ltac:(decided) 0%nat 0%nat); assumption).
  set (S := rnd (R0 * R0)) in *.
  assert (C0 : rep (literal double (6004799503160667, -55)%Z) c0) by literally 6004799503160667%Z (-55)%Z.
  assert (C1 : rep (literal double (3002399751580333, -56)%Z) c1) by literally 3002399751580333%Z (-56)%Z.
  assert (C2 : rep (literal double (4803839602519039, -59)%Z) c2) by literally 4803839602519039%Z (-59)%Z.
  assert (C3 : rep (literal double (100079991719173, -56)%Z) c3) by literally 100079991719173%Z (-56)%Z.
  assert (C4 : rep (literal double (3660068278834501, -64)%Z) c4) by literally 3660068278834501%Z (-64)%Z.
  assert (C5 : rep (literal double (7320136555967033, -68)%Z) c5) by literally 7320136555967033%Z (-68)%Z.
  assert (C6 : rep (literal double (3253384010461739, -70)%Z) c6) by literally 3253384010461739%Z (-70)%Z.
  assert (C7 : rep (literal double (5205415193171985, -74)%Z) c7) by literally 5205415193171985%Z (-74)%Z.
  assert (C8 : rep (literal double (3794843559161859, -77)%Z) c8) by literally 3794843559161859%Z (-77)%Z.
  assert (C9 : rep (literal double (316220357383893, -77)%Z) c9) by literally 316220357383893%Z (-77)%Z.
  destruct (Step _ _ _ _ _ _ C8 Hs C6 ltac:(apply Rabs_le; lra) B ltac:(apply Rabs_le; lra)) as [E1 B1].
  destruct (Step _ _ _ _ _ _ E1 Hs C4 B1 B ltac:(apply Rabs_le; lra)) as [E2 B2].
  destruct (Step _ _ _ _ _ _ E2 Hs C2 B2 B ltac:(apply Rabs_le; lra)) as [E3 B3].
  destruct (Step _ _ _ _ _ _ E3 Hs C0 B3 B ltac:(apply Rabs_le; lra)) as [E4 B4].
  destruct (Step _ _ _ _ _ _ C9 Hs C7 ltac:(apply Rabs_le; lra) B ltac:(apply Rabs_le; lra)) as [O1 D1].
  destruct (Step _ _ _ _ _ _ O1 Hs C5 D1 B ltac:(apply Rabs_le; lra)) as [O2 D2].
  destruct (Step _ _ _ _ _ _ O2 Hs C3 D2 B ltac:(apply Rabs_le; lra)) as [O3 D3].
  destruct (Step _ _ _ _ _ _ O3 Hs C1 D3 B ltac:(apply Rabs_le; lra)) as [O4 D4].
  exact (@last_step binary64 _ _ ltac:(decided) ltac:(decided) 0%nat 0%nat _ _ _ _ _ _ O4 Hr E4 D4 HR B4).
Qed.

Theorem exp_double b : is_finite b = true -> -746 <= B2R b <= 70978 / 100 ->
  let y := exp double constants b in let e := Rtrigo_def.exp (B2R b) in
  is_finite y = true
  /\ (bpow radix2 (-1022) <= e -> Rabs (B2R y - e) <= 63 / 100 * ulp radix2 fexp e)
  /\ (e < bpow radix2 (-1022) -> Rabs (B2R y - e) <= 82 / 100 * ulp radix2 fexp e).
Proof.
  intros Fb Hx y e. set (x := B2R b) in *.
  assert (Fx : format x) by exact (generic_format_B2R _ _ b).
  assert (Hx' : -746 <= x <= 710) by lra.
  destruct (@bits_of_exp binary64 _ _ ltac:(decided) ltac:(decided) ltac:(decided) constants h LO L2E q
    rho (-746) (70978 / 100)) with (n := 1026%nat) (m := 1078%nat) (b := b) (x := x) as [k [M [Fy Vy]]];
    try decided; try exact powers_64; try exact polynomial; try lra.
  - literally 3248660424278399%Z (-51)%Z.
  - literally 6243314768165359%Z (-53)%Z.
  - literally 7525737178955839%Z (-108)%Z.
  - literally 3%Z 51%Z.
  - exists (355 * 2). split. literally 355%Z 1%Z. lra.
  - exists (-373 * 2). split. literally (-373)%Z 1%Z. lra.
  - now split.
  - simpl. apply Rabs_le. lra.
  - intros k M. destruct (double_whole x k Fx Hx' M) as [_ [Hr [Hlo [Hy Hn]]]].
    assert (Kr := range x k Hx' M). assert (M' := Rabs_le_inv _ _ M).
    assert (KR : -1077 <= IZR k <= 1025) by (split; apply IZR_le; lia).
    assert (K24 : (k <= 1024)%Z). { assert (k < 1025)%Z by (apply lt_IZR; lra). lia. }
    cbv zeta. split; [|split; [|split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]]]].
    + destruct (Z.eq_dec k 0) as [->|K0]; [now left|right].
      assert (P : 1 <= Rabs (IZR k)) by (rewrite <- abs_IZR; apply IZR_le; lia).
      unfold Rabs in *. destruct (Rcase_abs (IZR k)), (Rcase_abs x); lra.
    + change (- precision binary64)%Z with (-53)%Z. rewrite HI_is. apply Rabs_le. lra.
    + apply Rabs_le. lra.
    + exact Hr.
    + apply Rle_trans with (1 := Hlo). simpl. lra.
    + exact Hy.
    + set (y0 := core (-1074) 53 q (reduced_hi (-1074) 53 h LO x k) (reduced_lo (-1074) 53 h LO x k)) in *.
      change (y0 * bpow radix2 k <= (1 - / 512) * bpow radix2 1024).
      destruct (Z.eq_dec k 1024) as [Kt|Kt].
      * rewrite Kt in *. apply Rmult_le_compat_r. apply bpow_ge_0. apply Rabs_le_inv in Hn.
        assert (L := ln2_rest 1 ltac:(decided)). rewrite HI_is in L. apply Rabs_le_inv in L.
        set (v := x - 1024 * Rpower.ln 2) in *. assert (V : v <= - (27 / 10000)) by (unfold v; lra).
        assert (E := exp_ineq1_le (- v)). rewrite exp_Ropp in E. assert (Ep := exp_pos v).
        assert (Rtrigo_def.exp v * (1 + 27 / 10000) <= 1).
        { apply Rle_trans with (Rtrigo_def.exp v * / Rtrigo_def.exp v). apply Rmult_le_compat_l; lra. rewrite Rinv_r; lra. }
        simpl in Hn. lra.
      * apply Rle_trans with (15 / 8 * bpow radix2 1023).
        apply Rmult_le_compat; try lra. apply bpow_ge_0. apply bpow_le. lia.
        change 1024%Z with (1 + 1023)%Z. rewrite bpow_plus. assert (P := bpow_gt_0 radix2 1023). change (bpow radix2 1) with 2.
        lra.
    + lia.
    + intros Neg. assert (k < 1)%Z by (apply lt_IZR; lra). lia.
    + intros Pos. assert (-1 < k)%Z by (apply lt_IZR; lra). lia.
  - destruct (double_error x k Fx Hx' M) as [E1 E2].
    split. exact Fy. change (B2R y = result (-1074) 53 h LO q x k) in Vy. unfold e. rewrite Vy. now split.
Qed.

(* As a relative distance. *)
Theorem exp_double_near b : is_finite b = true -> -746 <= B2R b <= 70978 / 100 ->
  let e := Rtrigo_def.exp (B2R b) in bpow radix2 (-1022) <= e ->
  Near.near (- Rpower.ln (1 - 126 / 100 * bpow radix2 (-53))) (B2R (exp double constants b)) e.
Proof.
  intros Fb Hx e He. destruct (exp_double b Fb Hx) as [_ [H _]]. specialize (H He). fold e in H.
  assert (Ep : 0 < e) by apply exp_pos. apply Near.near_relative. simpl. lra.
  assert (U := ulp_FLT_le radix2 (-1074) 53 e). rewrite (Rabs_pos_eq e) in * by lra.
  specialize (U He). change (bpow radix2 (1 - 53)) with (bpow radix2 (1 + -53)) in U. rewrite bpow_plus in U.
  change (bpow radix2 1) with 2 in U. apply Rle_trans with (1 := H). lra.
Qed.

(* Further down the result is 0, which is right to half a unit. *)
Theorem exp_double_below b : is_finite b = true -> B2R b < -746 ->
  let e := Rtrigo_def.exp (B2R b) in
  exp double constants b = B754_zero false /\ Rabs (0 - e) <= / 2 * ulp radix2 fexp e.
Proof.
  intros Fb Hx e. split.
  - assert (Ro : rep (EXP_OVERFLOW constants) (355 * 2)) by literally 355%Z 1%Z.
    assert (Ru : rep (EXP_UNDERFLOW constants) (-373 * 2)) by literally (-373)%Z 1%Z.
    assert (Rb : rep b (B2R b)) by now split.
    rewrite <- lowest_64. fold constants. unfold Kernels.exp.
    rewrite (rep_below binary64 _ _ _ _ Ro Rb), Rlt_bool_false by lra. cbv zeta iota.
    rewrite (rep_below binary64 _ _ _ _ Rb Ru), Rlt_bool_true by lra. cbv iota.
    rewrite (rep_below binary64 _ _ _ _ Ro Ru), Rlt_bool_false by lra. cbv iota.
    rewrite (rep_below binary64 _ _ _ _ Ru Ru), Rlt_bool_false by lra. reflexivity.
  - assert (Ep : 0 < e) by apply exp_pos.
    assert (L := ln2_rest 1 ltac:(decided)). rewrite HI_is in L. apply Rabs_le_inv in L.
    assert (S : e < bpow radix2 (-1074 - 1)).
    { rewrite bpow_exp. apply exp_increasing. simpl IZR. change (IZR radix2) with 2. lra. }
    assert (B : bpow radix2 (-1074 - 1) = / 2 * bpow radix2 (-1074)) by (unfold Z.sub; rewrite bpow_plus; simpl; lra).
    rewrite (ulp_FLT_small radix2 (-1074) 53).
    + unfold Rminus. rewrite Rplus_0_l, Rabs_Ropp, Rabs_pos_eq; lra.
    + rewrite Rabs_pos_eq by lra. apply Rlt_trans with (1 := S). apply bpow_lt. reflexivity.
Qed.
