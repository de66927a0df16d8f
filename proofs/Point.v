(* A mixture of isotropic components at a point as src/law/reference.rs evaluates it, operation by operation, in any arithmetic.

   Component j of block i has the index 64 i + j there; blocks 0 to b, size i components each. check.py compares each line with the
   source's, and with the CUDA text's. The logits stand once; the source computes the difference again where it needs it. *)
From Coq Require Import ZArith.
From Tweedie Require Import Arithmetic Coefficients Kernels.

Section Point.
Variable A : arithmetic.
Notation T := (number A).
Variable C : table T.

Definition larger (v w : T) : T := if below A v w then w else v.
Fixpoint largest_of (f : nat -> T) (n : nat) : T := match n with O => f 0%nat | S k => larger (largest_of f k) (f k) end.
Fixpoint chain_fma (f g : nat -> T) (n : nat) : T := match n with O => zero A | S k => fma A (f k) (g k) (chain_fma f g k) end.
Fixpoint chain_add (f : nat -> T) (n : nat) : T := match n with O => zero A | S k => add A (chain_add f k) (f k) end.

Variable size : nat -> nat.
Variables b d : nat.
Variables a s reference : T.
Variables x origin : nat -> T.
Variables mean shifted : nat -> nat -> nat -> T.
Variables offset precision gain : nat -> nat -> T.

Definition difference (i j k : nat) : T := fma A (neg A a) (mean i j k) (x k).
Definition distance (i j : nat) : T := mul A (chain_fma (difference i j) (difference i j) d) (precision i j).
Definition logit (i j : nat) : T := fma A (neg A (half A)) (distance i j) (offset i j).

Definition block_largest (i : nat) : T := largest_of (logit i) (size i).
Definition weight (i j : nat) : T := exp A C (sub A (logit i j) (block_largest i)).
Definition block_total (i : nat) : T := chain_add (weight i) (size i).
Definition block_precision (k i : nat) : T :=
  chain_fma (fun j => mul A (weight i j) (precision i j)) (fun j => difference i j k) (size i).
Definition summand (k i j : nat) : T := fma A (gain i j) (difference i j k) (shifted i j k).
Definition block_denoised (k i : nat) : T := chain_fma (weight i) (summand k i) (size i).

Fixpoint overall (c : nat) : T := match c with O => block_largest 0 | S c' => larger (overall c') (block_largest c) end.
Fixpoint combined (part : nat -> T) (c : nat) : T := match c with
  | O => part 0%nat
  | S c' => fma A (combined part c') (exp A C (sub A (overall c') (overall c)))
              (mul A (part c) (exp A C (sub A (block_largest c) (overall c))))
  end.

Definition total : T := combined block_total b.
Definition score (k : nat) : T := neg A (div A (combined (block_precision k) b) total).
Definition noise (k : nat) : T := mul A (neg A s) (score k).
Definition denoiser (k : nat) : T := add A (origin k) (div A (combined (block_denoised k) b) total).
Definition log_density : T := add A (add A (overall b) (ln A C total)) reference.
Definition responsibility (i j : nat) : T := div A (exp A C (sub A (logit i j) (overall b))) total.
End Point.
