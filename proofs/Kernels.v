(* exp and ln as src/arith/exp.rs and src/arith/ln.rs compute them, operation by operation, in any arithmetic.

   The two functions are a translation of the Rust source by translate.py; check.py makes it again and compares. horner
   and even_odd are the loops of src/arith/polynomial.rs as recursions over the coefficients, lowest power first. *)
Require Import ZArith List Bool.
From Tweedie Require Import Arithmetic Coefficients.
Import ListNotations.

Section Kernels.
Variable A : arithmetic.
Notation T := (number A).
Variable C : table T.

Local Notation "a + b" := (add A a b).
Local Notation "a - b" := (sub A a b).
Local Notation "a * b" := (mul A a b).
Local Notation "a / b" := (div A a b).
Local Notation "- a" := (neg A a).

Fixpoint horner (x : T) (coefficients : list T) : T :=
  match coefficients with
  | [] => zero A
  | [last] => last
  | c :: rest => fma A (horner x rest) x c
  end.

Fixpoint evens {X} (l : list X) : list X :=
  match l with [] => [] | [c] => [c] | c :: _ :: rest => c :: evens rest end.
Definition odds {X} (l : list X) : list X := match l with [] => [] | _ :: rest => evens rest end.
Definition even_odd (x square : T) (coefficients : list T) : T :=
  fma A (horner square (odds coefficients)) x (horner square (evens coefficients)).

(* Below: what translate.py makes of src/arith. *)
Definition exp (x : T) : T :=
  let x := if below A (EXP_OVERFLOW C) x then (EXP_OVERFLOW C) else x in
  let x := if below A x (EXP_UNDERFLOW C) then (EXP_UNDERFLOW C) else x in
  let shifted := (fma A x (LOG2_E C) (SHIFT C)) in
  let n := shifted - (SHIFT C) in
  let r_hi := (fma A (- n) (LN2_HI C) x) in
  let r := (fma A (- n) (LN2_LO C) r_hi) in
  let r_lo := (fma A (- n) (LN2_LO C) (r_hi - r)) in
  let line := (one A) + r in
  let line_lo := ((one A) - line) + r in
  let square := r * r in
  let curve := (fma A r (even_odd r square (EXP_TAIL C)) (half A)) in
  let y := line + (fma A square curve (fma A r_lo line line_lo)) in
  let '(first, second) := (two_factors A shifted x) in
  y * first * second.

Definition ln (x : T) : T :=
  let '(k, m) := (split A x) in
  let f := m - (one A) in
  let s := f / ((two A) + f) in
  let z := s * s in
  let series := z * (horner z (LN_TAIL C)) in
  let square := f * f in
  let half_square := (half A) * square in
  let square_lo := (fma A f f (- square)) in
  let shift := k * (LN2_HI C) in
  let shift_lo := (fma A k (LN2_LO C) (fma A k (LN2_HI C) (- shift))) in
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
