(* Whole mixtures, run: what check.py asks of Coq for every line of points.txt.

   The law, the channel and the points come from the generator of tests/proof_vectors.rs. The tables are made from them in binary64, in the
   order of src/law/mixture.rs and src/law/noised.rs, and rounded to the format; then Point.v, by PointRun.v.
     fails_point   the lines on which the model and the library differ by a bit. *)
From Coq Require Import ZArith List Bool.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Vectors Point PointRun.
Import ListNotations.
Open Scope Z_scope.

(* A number of one format, rounded to another. *)
Definition rounded_to (f g : format) { Hf : Prec_gt_0 (precision g) } { Hg : Prec_lt_emax (precision g) (largest g) }
  (x : binary_float (precision f) (largest f)) : binary_float (precision g) (largest g) :=
  match x with
  | B754_zero s => B754_zero s
  | B754_infinity s => B754_infinity s
  | B754_nan => B754_nan
  | B754_finite s m e _ => binary_normalize (precision g) (largest g) _ _ mode_NE (cond_Zopp s (Z.pos m)) e s
  end.

Fixpoint words (n : nat) (state : Z) : list Z * Z :=
  match n with
  | O => ([], state)
  | S n => let state := next state in let '(rest, last) := words n state in (state :: rest, last)
  end.
Definition number64 (m e : Z) : number double := make 53 1024 m e.
(* A number between -2^e and 2^e, and one between 0 and 2^e. *)
Definition signed (e w : Z) : number double := number64 (Z.shiftr w 11 - 2 ^ 52) (e - 52).
Definition positive (e w : Z) : number double := number64 (Z.shiftr w 11 + 1) (e - 53).
Definition at_ {f : format} (l : list (binary_float (precision f) (largest f))) (i : nat) := nth i l B754_nan.

Section Format.
Variable f : format.
Variable C : table (Z * Z).
Context { Hp : Prec_gt_0 (precision f) } { He : Prec_lt_emax (precision f) (largest f) }.
Notation A := (ieee f).
Notation D := double.
Notation narrow := (rounded_to binary64 f).
Notation widen := (rounded_to f binary64).
Notation to_bits := (to_bits (precision f) (largest f)).

Definition normalised (w : list (number D)) : list (number D) := let sum := fold_left (add D) w (zero D) in map (fun w => div D w sum) w.
Definition ln_tau : number D := of_bits 53 1024 4610955881644080820.

(* Of the line: components, coordinates, points, seed; whether all means, all weights are the same, and which variances are zero;
   a and s; the exponents of what is common to all means (0: nothing), of the means, of the variances and of the points, each with 2000 added. *)
Definition line : Type := Z * Z * Z * Z * list Z * list Z * list Z * list Z.

Definition computed (c64 : table (number D)) (c : table (number A)) (l : line) : list Z :=
  let '(k, dim, points, seed, kinds, channel, exponents, _) := l in
  let kind i := nth i kinds 0 in
  let exponent i := nth i exponents 0 - 2000 in
  let a := of_bits 53 1024 (nth 0 channel 0) in
  let s := of_bits 53 1024 (nth 1 channel 0) in
  let K := Z.to_nat k in
  let d := Z.to_nat dim in
  let common := if nth 0 exponents 0 =? 0 then zero D else number64 1 (exponent 0%nat) in
  let '(w1, seed) := words K seed in
  let weights := normalised (if kind 1%nat =? 0 then normalised (map (positive 0) w1) else repeat (div D (one D) (number64 k 0)) K) in
  let '(w2, seed) := words (if kind 0%nat =? 0 then (K * d)%nat else d) seed in
  let values := map (fun w => add D common (signed (exponent 1%nat) w)) w2 in
  let means := kept (fun j => kept (fun i => at_ (f := binary64) values (if kind 0%nat =? 0 then (j * d + i)%nat else i)) d) K in
  let '(w3, seed) := words K seed in
  let variances := kept (fun j => if (kind 2%nat =? 1) || ((kind 2%nat =? 2) && Nat.even j) then zero D
                                  else positive (exponent 2%nat) (nth j w3 0)) K in
  (* mixture.rs and noised.rs *)
  let weight := at_ (f := binary64) weights in
  let origin := kept (fun i => let first := means 0%nat i in
    narrow (add D first (chain_fma D weight (fun j => sub D (means j i) first) K))) d in
  let v := kept (fun j => fma D (mul D a a) (variances j) (mul D s s)) K in
  let constants := kept (fun j => sub D (ln D c64 (weight j)) (mul D (half D) (mul D (number64 dim 0) (ln D c64 (v j))))) K in
  let largest := largest_of D constants K in
  let reference := narrow (sub D largest (mul D (mul D (half D) (number64 dim 0)) ln_tau)) in
  let offset := kept (fun j => narrow (sub D (constants j) largest)) K in
  let precision := kept (fun j => narrow (div D (one D) (v j))) K in
  let gain := kept (fun j => narrow (div D (mul D a (variances j)) (v j))) K in
  let mean := kept (fun j => kept (fun i => narrow (means j i)) d) K in
  let shifted := kept (fun j => kept (fun i => narrow (sub D (means j i) (widen (origin i)))) d) K in
  (* Component j of block i. *)
  let last := Nat.div (K - 1) 64 in
  let size i := Nat.min 64 (K - 64 * i) in
  let index i j := (64 * i + j)%nat in
  let '(w4, _) := words (Z.to_nat points * d) seed in
  flat_map (fun p =>
    let x := kept (fun i => narrow (add D (mul D a common) (signed (exponent 3%nat) (nth (p * d + i) w4 0)))) d in
    let r := run A c size last d (narrow a) (narrow s) reference x origin (fun i j => mean (index i j)) (fun i j => shifted (index i j))
      (fun i j => offset (index i j)) (fun i j => precision (index i j)) (fun i j => gain (index i j)) in
    map to_bits (map (of_score A r) (seq 0 d) ++ map (of_noise A r) (seq 0 d) ++ map (of_denoiser A r) (seq 0 d) ++ [of_log_density A r]
      ++ map (fun j => of_responsibility A r (Nat.div j 64) (Nat.modulo j 64)) (seq 0 K))) (seq 0 (Z.to_nat points)).

Fixpoint same_bits (v w : list Z) : bool :=
  match v, w with [], [] => true | x :: v, y :: w => (x =? y) && same_bits v w | _, _ => false end.
Definition fails_point (lines : list line) : list line :=
  let c64 := convert (literal D) table64 in
  let c := convert (literal A) C in
  filter (fun l => negb (same_bits (computed c64 c l) (snd l))) lines.
End Format.
