(* The rounding of a binary format with subnormal numbers, in the words that Softmax.v asks for, and the float of a number. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core Relative Plus_error BinarySingleNaN.
From Tweedie Require Import Arithmetic Refinement.
Open Scope R_scope.

Section Formats.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation emin := (3 - emax - prec)%Z.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).

(* One rounding of a normal number, and of one below the normal range. *)
Definition unit_roundoff : R := bpow radix2 (- prec).
Definition half_tiny : R := / 2 * bpow radix2 emin.

Lemma unit_range : 0 <= unit_roundoff < 1.
Proof.
  split. apply bpow_ge_0. change 1 with (bpow radix2 0). apply bpow_lt. red in Hp. lia.
Qed.
Lemma half_tiny_pos : 0 <= half_tiny.
Proof. unfold half_tiny. generalize (bpow_ge_0 radix2 emin). lra. Qed.
Lemma half_step : / 2 * bpow radix2 (- prec + 1) = unit_roundoff.
Proof. unfold unit_roundoff. rewrite bpow_plus. simpl (bpow radix2 1). lra. Qed.

Lemma rounding z : exists w, Rabs w <= half_tiny /\ Rabs (rnd z - (z + w)) <= unit_roundoff * Rabs (z + w).
Proof.
  destruct (error_N_FLT radix2 emin prec Hp (fun x => negb (Z.even x)) z) as [d [w [Hd [Hw [H0 E]]]]].
  rewrite half_step in Hd. fold half_tiny in Hw. exists w. split. assumption.
  change (Znearest (fun x => negb (Z.even x))) with ZnearestE in E. rewrite E.
  apply Rmult_integral in H0. destruct H0 as [->| ->].
  - replace (z * (1 + 0) + w - (z + w)) with 0 by ring. rewrite Rabs_R0. apply Rmult_le_pos. apply unit_range. apply Rabs_pos.
  - replace (z * (1 + d) + 0 - (z + 0)) with (d * (z + 0)) by ring. rewrite Rabs_mult. apply Rmult_le_compat_r; auto using Rabs_pos.
Qed.
Lemma rounding_sum x y : format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= unit_roundoff * Rabs (x + y).
Proof.
  intros Fx Fy. destruct (FLT_plus_error_N_ex radix2 emin prec (fun x => negb (Z.even x)) x y Fx Fy) as [d [Hd E]].
  change (Znearest (fun x => negb (Z.even x))) with ZnearestE in E. rewrite E.
  replace ((x + y) * (1 + d) - (x + y)) with (d * (x + y)) by ring. rewrite Rabs_mult. apply Rmult_le_compat_r. apply Rabs_pos.
  apply Rle_trans with (1 := Hd). apply Rle_trans with (1 := u_rod1pu_ro_le_u_ro radix2 prec). unfold u_ro. rewrite half_step. apply Rle_refl.
Qed.
Lemma format_opp x : format x -> format (- x).
Proof. apply generic_format_opp. Qed.
Lemma format_rnd z : format (rnd z).
Proof. apply generic_format_round; auto with typeclass_instances. Qed.
Lemma format_0 : format 0.
Proof. apply generic_format_0. Qed.

(* A number of the format as a float. *)
Definition float_of (x : R) : binary_float prec emax :=
  binary_normalize prec emax _ _ mode_NE (Ztrunc (scaled_mantissa radix2 fexp x)) (cexp radix2 fexp x) false.
Lemma float_of_is x : format x -> Rabs x < bpow radix2 emax -> rep f (float_of x) x.
Proof.
  intros F H. generalize (binary_normalize_correct prec emax _ _ mode_NE (Ztrunc (scaled_mantissa radix2 fexp x)) (cexp radix2 fexp x) false).
  cbv zeta. set (g := F2R _). assert (Eg : g = x) by (symmetry; exact F). rewrite Eg. intros T.
  change (round_mode mode_NE) with ZnearestE in T. rewrite round_generic in T by (auto with typeclass_instances; exact F).
  rewrite Rlt_bool_true in T by assumption. split; apply T.
Qed.
End Formats.
