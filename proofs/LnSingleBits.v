(* ln_single: the executable ln of Kernels.v in binary32, with the coefficients of Coefficients.v, is finite and within 0.74
   units of the last place of ln x for every finite positive x, subnormal ones among them. This is the bound of
   src/arith/bounds.rs. ln_single_zero, ln_single_infinity and ln_single_below: what it is elsewhere. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Refinement LnBits LnSingle.
Open Scope R_scope.

Definition constants : table (number single) := convert (literal single) table32.

(* Inequalities between numbers of the format. *)
Ltac decided := lazymatch goal with
  | |- (_ <= _)%Z => vm_compute; discriminate
  | |- (_ < _)%Z => reflexivity
  | |- (_ <= _ < _)%Z => split; [vm_compute; discriminate|reflexivity]
  end.
Ltac literally m e := split; [apply (rep_make binary32 m e); [decided | decided | simpl; apply Rabs_le; lra] | simpl; apply Rabs_le; lra].

Lemma polynomial z Z : sized binary32 z Z 0 -> sized binary32 (Kernels.horner single z (LN_TAIL constants)) (p Z) 8.
Proof.
  intros Hz. assert (Step := @sized_fma binary32 _ _ ltac:(decided) ltac:(decided)). assert (Wide := wider binary32).
  assert (C0 : sized binary32 (literal single (5592405, -23)%Z) c0 0) by literally 5592405%Z (-23)%Z.
  assert (C1 : sized binary32 (literal single (13421885, -25)%Z) c1 0) by literally 13421885%Z (-25)%Z.
  assert (C2 : sized binary32 (literal single (9575531, -25)%Z) c2 0) by literally 9575531%Z (-25)%Z.
  assert (C3 : sized binary32 (literal single (3956437, -24)%Z) c3 0) by literally 3956437%Z (-24)%Z.
  assert (S2 := Step _ _ _ _ _ _ 0%Z 0%Z C3 Hz (Wide _ _ 0%Z 0%Z C2 ltac:(decided)) ltac:(decided)).
  assert (S1 := Step _ _ _ _ _ _ 1%Z 0%Z S2 Hz (Wide _ _ 0%Z 1%Z C1 ltac:(decided)) ltac:(decided)).
  assert (S0 := Step _ _ _ _ _ _ 2%Z 0%Z S1 Hz (Wide _ _ 0%Z 2%Z C0 ltac:(decided)) ltac:(decided)).
  exact (Wide _ _ 3%Z 8%Z S0 ltac:(decided)).
Qed.

Theorem ln_single b : is_finite b = true -> 0 < B2R b ->
  let y := ln single constants b in let e := Rpower.ln (B2R b) in is_finite y = true /\ Rabs (B2R y - e) <= 74 / 100 * ulp radix2 fexp e.
Proof.
  intros Fb Hx y e.
  destruct (@bits_of_ln binary32 _ _ ltac:(decided) ltac:(decided) ltac:(decided) constants HI LO p) with (r := 3474675%Z) (b := b) (x := B2R b)
    as [m [k [Ex [En [Hm [Hk [Fy Vy]]]]]]]; try reflexivity; try decided; try exact polynomial; try assumption.
  - replace HI with (1453635 * bpow radix2 (-21)) by (simpl; lra). literally 1453635%Z (-21)%Z.
  - literally (-1072225)%Z (-49)%Z.
  - now split.
  - split. exact Fy. change (B2R y = result (IZR k) (m - 1)) in Vy. rewrite Vy. unfold e. rewrite Ex.
    apply single_ln_error; try assumption. simpl in Hk. lia.
Qed.

(* Elsewhere: minus infinity at both zeros, infinity at infinity, NaN below zero and at NaN. *)
Theorem ln_single_zero s : ln single constants (B754_zero s) = B754_infinity true.
Proof. destruct s; vm_compute; reflexivity. Qed.
Theorem ln_single_infinity : ln single constants (B754_infinity false) = B754_infinity false /\ ln single constants (B754_infinity true) = B754_nan
  /\ ln single constants B754_nan = B754_nan.
Proof. split; [|split]; vm_compute; reflexivity. Qed.
Theorem ln_single_below b : is_finite b = true -> B2R b < 0 -> ln single constants b = B754_nan.
Proof.
  intros Fb Hx. unfold Kernels.ln. destruct (split single b) as [k m]. cbv zeta.
  assert (S : not_above single (zero single) b = false).
  { change (Bleb (B754_zero false) b = false). rewrite Bleb_correct by (assumption || reflexivity). apply Rle_bool_false. exact Hx. }
  now rewrite S.
Qed.
