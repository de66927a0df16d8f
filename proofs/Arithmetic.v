(* The arithmetic that the kernels of Kernels.v are written in, and its executable form.

   An arithmetic has the operations of arith::real and arith::format: +, -, x, / and the fused multiply-add, comparisons,
   numbers given as m 2^e, and the two functions of the bits, two_factors and split. ieee f is that of IEEE 754 binary
   floating point in the format f, on Flocq's numbers, rounding to nearest, ties to even: Coq runs it, and check.py
   compares what comes out with the library's results bit for bit. There is one NaN. *)
Require Import ZArith List Bool.
From Flocq Require Import Core BinarySingleNaN.
Open Scope Z_scope.

Record arithmetic := {
  number : Type;
  literal : Z * Z -> number;
  zero : number; one : number; half : number; two : number; infinity : number; nan : number;
  add : number -> number -> number; sub : number -> number -> number;
  mul : number -> number -> number; div : number -> number -> number;
  fma : number -> number -> number -> number; neg : number -> number;
  below : number -> number -> bool; not_above : number -> number -> bool; same : number -> number -> bool;
  two_factors : number -> number -> number * number;
  split : number -> number * number }.

(* What differs between the formats, beside the coefficients: the significand, the largest exponent, by how much
   two_factors moves exponents, by how much split lifts subnormal numbers, and the bits of the square root of 1/2. *)
Record format := { precision : Z; largest : Z; reach : Z; lift : Z; sqrt_half : Z }.
Definition binary64 : format :=
  {| precision := 53; largest := 1024; reach := 128; lift := 54; sqrt_half := 4604544271217802189 |}.
Definition binary32 : format :=
  {| precision := 24; largest := 128; reach := 32; lift := 25; sqrt_half := 1060439283 |}.

Section Bits.
Variables prec emax : Z.
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation float := (binary_float prec emax).
Definition fraction : Z := prec - 1.
Definition exponents : Z := Z.log2 emax + 1.
Definition width : Z := 1 + exponents + fraction.
Definition bias : Z := emax - 1.
Definition lowest : Z := 3 - emax - prec.
Definition make (m e : Z) : float := binary_normalize prec emax _ _ mode_NE m e false.

Definition of_bits (w : Z) : float :=
  let s := Z.testbit w (width - 1) in
  let e := Z.land (Z.shiftr w fraction) (Z.ones exponents) in
  let m := Z.land w (Z.ones fraction) in
  let sign := if s then Z.opp else fun z => z in
  if e =? 0 then binary_normalize prec emax _ _ mode_NE (sign m) (lowest) s
  else if e =? Z.ones exponents then if m =? 0 then B754_infinity s else B754_nan
  else binary_normalize prec emax _ _ mode_NE (sign (m + Z.shiftl 1 fraction)) (e - 1 + lowest) s.

Definition to_bits (x : float) : Z :=
  let sign (s : bool) (w : Z) := if s then w + Z.shiftl 1 (width - 1) else w in
  match x with
  | B754_zero s => sign s 0
  | B754_infinity s => sign s (Z.shiftl (Z.ones exponents) fraction)
  | B754_nan => Z.shiftl (Z.ones exponents) fraction + Z.shiftl 1 (fraction - 1)
  | B754_finite s m e _ =>
      sign s (if Z.pos m <? Z.shiftl 1 fraction then Z.pos m
              else Z.shiftl (e - lowest + 1) fraction + (Z.pos m - Z.shiftl 1 fraction))
  end.

(* Integers of the format's width, as the processor has them. *)
Definition word (w : Z) : Z := Z.land w (Z.ones width).
End Bits.

Section Ieee.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation float := (binary_float prec emax).
Notation make := (make prec emax).

(* arith::format: the low bits of shifted become an exponent. *)
Definition ieee_two_factors (shifted sign : float) : float * float :=
  let negative := Bsign sign in
  let up := Z.shiftl (bias emax + reach f) (fraction prec) in
  let down := Z.shiftl (bias emax - reach f) (fraction prec) in
  let offset := if negative then up else down in
  let second := if negative then down else up in
  (of_bits prec emax (word prec emax
     (word prec emax (Z.shiftl (to_bits prec emax shifted) (fraction prec)) + offset)), of_bits prec emax second).

Definition ieee_split (x : float) : float * float :=
  let subnormal := Bltb x (make 1 (lowest prec emax + fraction prec)) in
  let normal := if subnormal then Bmult mode_NE x (make 1 (lift f)) else x in
  let correction := if subnormal then make (lift f) 0 else make 0 0 in
  let bits := word prec emax (to_bits prec emax normal + (Z.shiftl (bias emax) (fraction prec) - sqrt_half f)) in
  let m := of_bits prec emax (Z.land bits (Z.ones (fraction prec)) + sqrt_half f) in
  let integers := make 1 (fraction prec) in
  let biased := of_bits prec emax (Z.lor (to_bits prec emax integers) (Z.shiftr bits (fraction prec))) in
  (Bminus mode_NE (Bminus mode_NE biased (Bplus mode_NE integers (make (bias emax) 0))) correction, m).

Definition ieee : arithmetic := {|
  number := float;
  literal := fun c => make (fst c) (snd c);
  zero := B754_zero false; one := make 1 0; half := make 1 (-1); two := make 1 1;
  infinity := B754_infinity false; nan := B754_nan;
  add := Bplus mode_NE; sub := Bminus mode_NE; mul := Bmult mode_NE; div := Bdiv mode_NE;
  fma := Bfma mode_NE; neg := Bopp;
  below := Bltb; not_above := Bleb; same := Beqb;
  two_factors := ieee_two_factors; split := ieee_split |}.
End Ieee.

Global Instance precision_positive_64 : Prec_gt_0 (precision binary64). Proof. reflexivity. Qed.
Global Instance precision_below_64 : Prec_lt_emax (precision binary64) (largest binary64). Proof. reflexivity. Qed.
Global Instance precision_positive_32 : Prec_gt_0 (precision binary32). Proof. reflexivity. Qed.
Global Instance precision_below_32 : Prec_lt_emax (precision binary32) (largest binary32). Proof. reflexivity. Qed.
Definition double : arithmetic := ieee binary64.
Definition single : arithmetic := ieee binary32.
