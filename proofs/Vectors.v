(* The models, run: what check.py asks of Coq for every line of vectors.txt.

   fails_exp, fails_ln, fails_sum and fails_dot list the lines on which the executable model and the library differ by a
   bit; check.py has Coq prove that each list is empty. Numbers are their bits, and there is one NaN. The elements of a
   sum come from the generator of tests/proof_vectors.rs. *)
Require Import ZArith List Bool.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import FloatSum Arithmetic Coefficients Kernels.
Import ListNotations.

(* The canonical order of FloatSum.v in an arithmetic: step t i takes element i into the total t. *)
Fixpoint run (A : arithmetic) (step : number A -> nat -> number A) (t : tree) : number A :=
  match t with
  | Zero => zero A
  | Step t i => step (run A step t) i
  | Join l r => add A (run A step l) (run A step r)
  end.
Definition sum (A : arithmetic) (x : nat -> number A) (n : nat) : number A :=
  run A (fun t i => add A t (x i)) (canonical n).
Definition dot (A : arithmetic) (x y : nat -> number A) (n : nat) : number A :=
  run A (fun t i => fma A (x i) (y i) t) (canonical n).

Open Scope Z_scope.
Section Format.
Variable f : format.
Variable C : table (Z * Z).
Context { Hp : Prec_gt_0 (precision f) } { He : Prec_lt_emax (precision f) (largest f) }.
Notation A := (ieee f).
Notation number := (binary_float (precision f) (largest f)).
Notation of_bits := (of_bits (precision f) (largest f)).
Notation to_bits := (to_bits (precision f) (largest f)).

Definition fails_unary (g : number -> number) (lines : list (Z * Z)) : list (Z * Z) :=
  filter (fun l => negb (to_bits (g (of_bits (fst l))) =? snd l)) lines.
(* The arithmetic and its constants are computed once. *)
Definition fails_exp lines := let a := A in let c := convert (literal a) C in fails_unary (exp a c) lines.
Definition fails_ln lines := let a := A in let c := convert (literal a) C in fails_unary (ln a c) lines.

Definition next (state : Z) : Z := Z.land (state * 6364136223846793005 + 1442695040888963407) (Z.ones 64).
Definition element (kind word : Z) : number :=
  let e := Z.land (Z.shiftr word 58) 31 in
  let b := bias (largest f) in
  let field := if kind <? 2 then b - 16 + e else if kind =? 2 then 2 * b - 31 + e else e in
  let from := if precision f =? 53 then 6 else 32 in
  let m := Z.land (Z.shiftr word from) (Z.ones (fraction (precision f))) in
  let sign := Z.shiftl (Z.shiftr word 63) (width (precision f) (largest f) - 1) in
  of_bits (if andb (kind =? 1) (e =? 0) then sign else sign + Z.shiftl field (fraction (precision f)) + m).
Fixpoint elements (n : nat) (kind state : Z) : list number * Z :=
  match n with
  | O => ([], state)
  | S n => let state := next state in
           let '(rest, last) := elements n kind state in (element kind state :: rest, last)
  end.

(* A line is (n, seed, result). *)
Definition at_ (l : list number) (i : nat) : number := nth i l B754_nan.
Definition fails_sum (lines : list (Z * Z * Z)) : list (Z * Z * Z) :=
  filter (fun '(n, seed, result) =>
    let '(x, _) := elements (Z.to_nat n) (seed mod 4) seed in
    negb (to_bits (sum A (at_ x) (Z.to_nat n)) =? result)) lines.
Definition fails_dot (lines : list (Z * Z * Z)) : list (Z * Z * Z) :=
  filter (fun '(n, seed, result) =>
    let '(x, state) := elements (Z.to_nat n) (seed mod 4) seed in
    let '(y, _) := elements (Z.to_nat n) (seed mod 4) state in
    negb (to_bits (dot A (at_ x) (at_ y) (Z.to_nat n)) =? result)) lines.
End Format.
