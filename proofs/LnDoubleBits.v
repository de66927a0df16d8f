(* ln_double: the executable ln of Kernels.v in binary64, with the coefficients of Coefficients.v, is finite and within 0.74
   units of the last place of ln x for every finite positive x, subnormal ones among them. This is the bound of
   src/arith/bounds.rs. ln_double_zero, ln_double_infinity and ln_double_below: what it is elsewhere. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Refinement LnBits LnDouble.
Open Scope R_scope.

Definition constants : table (number double) := convert (literal double) table64.

(* Inequalities between numbers of the format. *)
Ltac decided := lazymatch goal with
  | |- (_ <= _)%Z => vm_compute; discriminate
  | |- (_ < _)%Z => reflexivity
  | |- (_ <= _ < _)%Z => split; [vm_compute; discriminate|reflexivity]
  end.
Ltac literally m e := split; [apply (rep_make binary64 m e); [decided | decided | simpl; apply Rabs_le; lra] | simpl; apply Rabs_le; lra].

Lemma polynomial z Z : sized binary64 z Z 0 -> sized binary64 (Kernels.horner double z (LN_TAIL constants)) (p Z) 8.
Proof.
  intros Hz. assert (Step := @sized_fma binary64 _ _ ltac:(decided) ltac:(decided)). assert (Wide := wider binary64).
  assert (C0 : sized binary64 (literal double (3002399751580361, -52)%Z) c0 0) by literally 3002399751580361%Z (-52)%Z.
  assert (C1 : sized binary64 (literal double (1801439850921833, -52)%Z) c1 0) by literally 1801439850921833%Z (-52)%Z.
  assert (C2 : sized binary64 (literal double (2573485516755827, -53)%Z) c2 0) by literally 2573485516755827%Z (-53)%Z.
  assert (C3 : sized binary64 (literal double (8006390815870763, -55)%Z) c3 0) by literally 8006390815870763%Z (-55)%Z.
  assert (C4 : sized binary64 (literal double (3275659775236179, -54)%Z) c4 0) by literally 3275659775236179%Z (-54)%Z.
  assert (C5 : sized binary64 (literal double (689683288730473, -52)%Z) c5 0) by literally 689683288730473%Z (-52)%Z.
  assert (C6 : sized binary64 (literal double (1332705651887125, -53)%Z) c6 0) by literally 1332705651887125%Z (-53)%Z.
  assert (S5 := Step _ _ _ _ _ _ 0%Z 0%Z C6 Hz (Wide _ _ 0%Z 0%Z C5 ltac:(decided)) ltac:(decided)).
  assert (S4 := Step _ _ _ _ _ _ 1%Z 0%Z S5 Hz (Wide _ _ 0%Z 1%Z C4 ltac:(decided)) ltac:(decided)).
  assert (S3 := Step _ _ _ _ _ _ 2%Z 0%Z S4 Hz (Wide _ _ 0%Z 2%Z C3 ltac:(decided)) ltac:(decided)).
  assert (S2 := Step _ _ _ _ _ _ 3%Z 0%Z S3 Hz (Wide _ _ 0%Z 3%Z C2 ltac:(decided)) ltac:(decided)).
  assert (S1 := Step _ _ _ _ _ _ 4%Z 0%Z S2 Hz (Wide _ _ 0%Z 4%Z C1 ltac:(decided)) ltac:(decided)).
  assert (S0 := Step _ _ _ _ _ _ 5%Z 0%Z S1 Hz (Wide _ _ 0%Z 5%Z C0 ltac:(decided)) ltac:(decided)).
  exact (Wide _ _ 6%Z 8%Z S0 ltac:(decided)).
Qed.

Theorem ln_double b : is_finite b = true -> 0 < B2R b ->
  let y := ln double constants b in let e := Rpower.ln (B2R b) in is_finite y = true /\ Rabs (B2R y - e) <= 74 / 100 * ulp radix2 fexp e.
Proof.
  intros Fb Hx y e.
  destruct (@bits_of_ln binary64 _ _ ltac:(decided) ltac:(decided) ltac:(decided) constants HI LO p) with (r := 1865452045155277%Z) (b := b) (x := B2R b)
    as [m [k [Ex [En [Hm [Hk [Fy Vy]]]]]]]; try reflexivity; try decided; try exact polynomial; try assumption.
  - literally 6243314768165359%Z (-53)%Z.
  - literally (7525737178955839)%Z (-108)%Z.
  - now split.
  - split. exact Fy. change (B2R y = result (IZR k) (m - 1)) in Vy. rewrite Vy. unfold e. rewrite Ex.
    apply double_ln_error; try assumption. simpl in Hk. lia.
Qed.

(* Elsewhere: minus infinity at both zeros, infinity at infinity, NaN below zero and at NaN. *)
Theorem ln_double_zero s : ln double constants (B754_zero s) = B754_infinity true.
Proof. destruct s; vm_compute; reflexivity. Qed.
Theorem ln_double_infinity : ln double constants (B754_infinity false) = B754_infinity false /\ ln double constants (B754_infinity true) = B754_nan
  /\ ln double constants B754_nan = B754_nan.
Proof. split; [|split]; vm_compute; reflexivity. Qed.
Theorem ln_double_below b : is_finite b = true -> B2R b < 0 -> ln double constants b = B754_nan.
Proof.
  intros Fb Hx. unfold Kernels.ln. destruct (split double b) as [k m]. cbv zeta.
  assert (S : not_above double (zero double) b = false).
  { change (Bleb (B754_zero false) b = false). rewrite Bleb_correct by (assumption || reflexivity). apply Rle_bool_false. exact Hx. }
  now rewrite S.
Qed.
