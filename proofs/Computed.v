(* What the proofs about exp and ln compute: equations between booleans and true, which the kernel decides with its virtual machine.

   difference_check   the polynomial of exp against the Taylor sum, on a grid (Certificate.v);
   ln_difference_check   that of ln against its series, likewise;
   ln2_check          ln 2 between two fractions (Certificate.v);
   powers             two_factors for every k that exp asks for (Refinement.v).
   lowest             exp of the number below which its argument is taken to be that number.
   coqchk has no virtual machine and did not finish this file in a minute, so it takes it, and no other, as it stands. *)
Require Import ZArith List.
From Flocq Require Import BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Refinement Certificate.
Import ListNotations.

(* 1 + r + A0 r - (1 + r + ... + r^15/15!) in powers of 512 r. *)
Definition difference_64 : list Z :=
  [0; 0; 0; 36693309059206509312683246756447649792000; 14754892199818793956157096007303168000;
   -14651043942078718878717346356972748800; -4133496012108311251537772308070400; 1884803250123711108312813954662400;
   421921161792224251647256166400; -109762212766683341463434035200; -20398242660348569069813760;
   2967105390987026777080320; 472324241808694475655; -30264189495929733120; -4222124650659840; -549755813888]%Z.
Definition bound_64 : Z := 28158035387593282902205876498423488103080305033%Z.
Lemma difference_check_64 : check difference_64 bound_64 90 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Lemma ln2_check_64 : ln2_check 28 224939120507729810846275465740350 224939120507729810846275465740352 649037107316853453566312041152512 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.

(* 1 + r + A0 r - (1 + r + ... + r^9/9!) in powers of 1024 r. *)
Definition difference_32 : list Z :=
  [0; 0; 0; -608876554113515520; -113644834652160; 14120559968256; 2067794064; -75497472; -9216; -1]%Z.
Definition bound_32 : Z := 1714844761244019404192205%Z.
Lemma difference_check_32 : check difference_32 bound_32 178 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Lemma ln2_check_32 : ln2_check 20 390207173010334 390207173010336 1125899906842624 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.

Lemma powers_64 : factors_check binary64 1026 1078 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Lemma powers_32 : factors_check binary32 130 152 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Lemma lowest_64 : let c := convert (literal double) table64 in exp double c (EXP_UNDERFLOW c) = B754_zero false.
Proof. vm_cast_no_check (@eq_refl (number double) (B754_zero false)). Qed.
Lemma lowest_32 : let c := convert (literal single) table32 in exp single c (EXP_UNDERFLOW c) = B754_zero false.
Proof. vm_cast_no_check (@eq_refl (number single) (B754_zero false)). Qed.

(* z (P z) - 2 (z/3 + z^2/5 + ...) in powers of 8192 z - 121, P the polynomial of ln: 13 terms, and 8. *)
Definition ln_difference_64 : list Z :=
  [-5718784225326116168676429301322219743454141; 18586031890555127806553450515439142950623;
   9952225522188391775918239837927196215434; -18421376171046058336314117259810726070;
   -3360149517117949949651898945932383295; 2842986997175989879324577138910813; 363284933433123888167801010029916;
   -106134003455780892454004788932; -12280271545161471449499868395; -1361267053086608637550295;
   -152584548431563928966; -17246628510333222; -1937256682361; -185910725]%Z.
Definition ln_bound_64 : Z := 9040454804940999960483889559352573846593536%Z.
Lemma ln_difference_check_64 : check ln_difference_64 ln_bound_64 60 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
Definition ln_difference_32 : list Z :=
  [-3410108473477079131040704949; -31206352401686569320349928; 6372442330241414202996; 783549041960721246760;
   -598054585668822590; -41274215564950872; -4325737435404; -461813352; -45045]%Z.
Definition ln_bound_32 : Z := 6917171888007999949194769664%Z.
Lemma ln_difference_check_32 : check ln_difference_32 ln_bound_32 60 = true.
Proof. vm_cast_no_check (eq_refl true). Qed.
