(* exp and ln as src/arith/exp.rs and src/arith/ln.rs compute them, operation by operation, in any arithmetic.

   The two functions are a translation of the Rust source by translate.py; check.py makes it again and compares. horner
   and even_odd are the loops of src/arith/polynomial.rs as recursions over the coefficients, lowest power first. *)
Require Import ZArith List Bool.
From Tweedie Require Import Arithmetic Coefficients.
Import ListNotations.

Section Kernels.
Variable A : arithmetic.
Variable C : table.
Notation T := (Arithmetic.number A).
Let number (field : table -> Z * Z) : T := literal A (field C).
Let list (field : table -> Datatypes.list (Z * Z)) : Datatypes.list T := map (literal A) (field C).

Local Notation "a + b" := (add A a b).
Local Notation "a - b" := (sub A a b).
Local Notation "a * b" := (mul A a b).
Local Notation "a / b" := (div A a b).
Local Notation "- a" := (neg A a).

Fixpoint horner (x : T) (coefficients : Datatypes.list T) : T :=
  match coefficients with
  | [] => zero A
  | [last] => last
  | c :: rest => fma A (horner x rest) x c
  end.

Fixpoint evens {X} (l : Datatypes.list X) : Datatypes.list X :=
  match l with [] => [] | [c] => [c] | c :: _ :: rest => c :: evens rest end.
Definition odds {X} (l : Datatypes.list X) : Datatypes.list X := match l with [] => [] | _ :: rest => evens rest end.
Definition even_odd (x square : T) (coefficients : Datatypes.list T) : T :=
  fma A (horner square (odds coefficients)) x (horner square (evens coefficients)).

(* Below: what translate.py makes of src/arith. *)
Definition exp (x : T) : T :=
  let x := if below A (number EXP_OVERFLOW) x then (number EXP_OVERFLOW) else x in
  let x := if below A x (number EXP_UNDERFLOW) then (number EXP_UNDERFLOW) else x in
  let shifted := (fma A x (number LOG2_E) (number SHIFT)) in
  let n := shifted - (number SHIFT) in
  let r_hi := (fma A (- n) (number LN2_HI) x) in
  let r := (fma A (- n) (number LN2_LO) r_hi) in
  let r_lo := (fma A (- n) (number LN2_LO) (r_hi - r)) in
  let line := (one A) + r in
  let line_lo := ((one A) - line) + r in
  let square := r * r in
  let curve := (fma A r (even_odd r square (list EXP_TAIL)) (half A)) in
  let y := line + (fma A square curve (fma A r_lo line line_lo)) in
  let '(first, second) := (two_factors A shifted x) in
  y * first * second.

Definition ln (x : T) : T :=
  let '(k, m) := (split A x) in
  let f := m - (one A) in
  let s := f / ((two A) + f) in
  let z := s * s in
  let series := z * (horner z (list LN_TAIL)) in
  let square := f * f in
  let half_square := (half A) * square in
  let square_lo := (fma A f f (- square)) in
  let shift := k * (number LN2_HI) in
  let shift_lo := (fma A k (number LN2_LO) (fma A k (number LN2_HI) (- shift))) in
  let line := shift + f in
  let line_lo := (shift - line) + f in
  let parabola := line - half_square in
  let parabola_lo := (line - parabola) - half_square in
  let lost := (fma A (- (half A)) square_lo (line_lo + parabola_lo)) + shift_lo in
  let y := parabola + (fma A s (half_square + series) lost) in
  let y := if same A x (infinity A) then (infinity A) else y in
  let y := if same A x (zero A) then (- (infinity A)) else y in
  if not_above A (zero A) x then y else (nan A).
End Kernels.
