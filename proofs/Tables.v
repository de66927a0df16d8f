(* N4: the tables of an isotropic mixture as src/law/noised.rs makes them, in one format.

   Numbers called normal are those whose rounding is relative: a^2, s^2, v and what is made of them lie in the normal range.
     variance_error    v = a^2 lambda + s^2, the squares rounded, then one fused multiply-add;
     precision_error   1/v;
     gain_error        a lambda/v, the product first;
     offset_error      ln w - (d/2) ln v less the largest of them: ln v times d, halved, subtracted from ln w, then the largest subtracted.
   For binary32 the same in binary64, and one more rounding of the result. *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Logits.
Open Scope R_scope.

Section Tables.
Variable rnd : R -> R.
Variable u : R.
Hypothesis u_range : 0 <= u < 1.
Notation nu := (Near.nu u).
Definition normal (z : R) : Prop := Rabs (rnd z - z) <= u * Rabs z.
Variables a s lambda : R.
Hypothesis a_pos : 0 < a.
Hypothesis s_pos : 0 < s.
Hypothesis lambda_pos : 0 <= lambda.
Definition variance : R := rnd (rnd (a * a) * lambda + rnd (s * s)).
Definition variance_exact : R := a * a * lambda + s * s.
Hypothesis normal_a : normal (a * a).
Hypothesis normal_s : normal (s * s).
Hypothesis normal_v : normal (rnd (a * a) * lambda + rnd (s * s)).

Lemma normal_near z : normal z -> near nu (rnd z) z.
Proof. intros H. now apply near_relative. Qed.
Lemma variance_exact_pos : 0 < variance_exact.
Proof.
  unfold variance_exact. assert (0 < s * s) by (apply Rmult_lt_0_compat; assumption).
  assert (0 <= a * a * lambda) by (repeat apply Rmult_le_pos; lra). lra.
Qed.
Theorem variance_error : near (2 * nu) variance variance_exact.
Proof.
  assert (Np := nu_pos u u_range). replace (2 * nu) with (nu + nu) by ring.
  apply near_trans with (rnd (a * a) * lambda + rnd (s * s)). now apply normal_near.
  assert (S := variance_exact_pos). unfold variance_exact in *. apply near_between. assumption.
  assert (B1 := proj1 (near_between nu (rnd (a * a)) (a * a) ltac:(apply Rmult_lt_0_compat; assumption)) (normal_near _ normal_a)).
  assert (B2 := proj1 (near_between nu (rnd (s * s)) (s * s) ltac:(apply Rmult_lt_0_compat; assumption)) (normal_near _ normal_s)).
  assert (a * a * exp (- nu) * lambda <= rnd (a * a) * lambda) by (apply Rmult_le_compat_r; lra).
  assert (rnd (a * a) * lambda <= a * a * exp nu * lambda) by (apply Rmult_le_compat_r; lra). lra.
Qed.
Theorem precision_error : normal (1 / variance) -> near (3 * nu) (rnd (1 / variance)) (1 / variance_exact).
Proof.
  intros H. replace (3 * nu) with (nu + (0 + 2 * nu)) by ring. apply near_trans with (1 / variance). now apply normal_near.
  apply near_div. apply near_refl. apply variance_error. generalize variance_exact_pos. lra.
Qed.
Theorem gain_error : normal (a * lambda) -> normal (rnd (a * lambda) / variance) ->
  near (4 * nu) (rnd (rnd (a * lambda) / variance)) (a * lambda / variance_exact).
Proof.
  intros H H2. replace (4 * nu) with (nu + (nu + 2 * nu)) by ring. apply near_trans with (rnd (a * lambda) / variance). now apply normal_near.
  apply near_div. now apply normal_near. apply variance_error. generalize variance_exact_pos. lra.
Qed.

(* The logarithms. *)
Variable format : R -> Prop.
Variable eta : R.
Hypothesis eta_pos : 0 <= eta.
Hypothesis standard : forall z, exists w, Rabs w <= eta /\ Rabs (rnd z - (z + w)) <= u * Rabs (z + w).
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= u * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Variable Ln : R -> R.
Variables cost rest limit : R.
Hypothesis cost_pos : 0 <= cost.
Hypothesis ln_close : forall x, format x -> 0 < x <= limit -> format (Ln x) /\ Rabs (Ln x - ln x) <= cost * Rabs (ln x) + rest.
Hypothesis variance_fits : variance <= limit.
Variables w dimension : R.
Hypothesis w_format : format w.
Hypothesis w_range : 0 < w <= limit.
Hypothesis dimension_pos : 0 <= dimension.

Definition constant : R := rnd (Ln w - rnd (/ 2 * rnd (dimension * Ln variance))).
Definition constant_exact : R := ln w - / 2 * (dimension * ln variance_exact).
Definition log_error : R := cost * (Rabs (ln variance_exact) + 2 * nu) + rest + 2 * nu.
Definition determinant_error : R := u * Rabs (dimension * ln variance_exact) + (1 + u) * (dimension * log_error + eta).
Definition half_error : R := u * Rabs (/ 2 * (dimension * ln variance_exact)) + (1 + u) * (/ 2 * determinant_error + eta).
Definition constant_error : R := u * Rabs constant_exact + (1 + u) * (cost * Rabs (ln w) + rest + half_error + eta).

Lemma log_variance_error : Rabs (Ln variance - ln variance_exact) <= log_error.
Proof.
  destruct variance_error as [th [Ht Ev]]. assert (S := variance_exact_pos).
  assert (Vp : 0 < variance) by (rewrite Ev; apply Rmult_lt_0_compat; auto using exp_pos).
  destruct (ln_close variance) as [_ C]. apply format_rnd. split; assumption.
  assert (El : ln variance = ln variance_exact + th) by (rewrite Ev, ln_mult, ln_exp; auto using exp_pos).
  unfold log_error. replace (Ln variance - ln variance_exact) with ((Ln variance - ln variance) + th) by (rewrite El; ring).
  apply Rle_trans with (1 := Rabs_triang _ _).
  assert (Rabs (ln variance) <= Rabs (ln variance_exact) + 2 * nu) by (rewrite El; apply Rle_trans with (1 := Rabs_triang _ _); lra).
  assert (cost * Rabs (ln variance) <= cost * (Rabs (ln variance_exact) + 2 * nu)) by (apply Rmult_le_compat_l; assumption). lra.
Qed.
Lemma constant_close : Rabs (constant - constant_exact) <= constant_error.
Proof.
  assert (R1 := rounded_error rnd u eta u_range standard). apply R1. unfold constant_exact.
  assert (A1 : Rabs (rnd (dimension * Ln variance) - dimension * ln variance_exact) <= determinant_error).
  { apply R1. rewrite <- Rmult_minus_distr_l, Rabs_mult, (Rabs_pos_eq dimension) by assumption.
    apply Rmult_le_compat_l. assumption. apply log_variance_error. }
  assert (A2 : Rabs (rnd (/ 2 * rnd (dimension * Ln variance)) - / 2 * (dimension * ln variance_exact)) <= half_error).
  { apply R1. rewrite <- Rmult_minus_distr_l, Rabs_mult, (Rabs_pos_eq (/ 2)) by lra. apply Rmult_le_compat_l. lra. exact A1. }
  destruct (ln_close w w_format w_range) as [_ C].
  replace (Ln w - rnd (/ 2 * rnd (dimension * Ln variance)) - (ln w - / 2 * (dimension * ln variance_exact)))
    with ((Ln w - ln w) + - (rnd (/ 2 * rnd (dimension * Ln variance)) - / 2 * (dimension * ln variance_exact))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
Qed.
(* The largest of the computed constants is the same number for all components; the log density gets it back. *)
Theorem offset_error largest : format largest ->
  Rabs (rnd (constant - largest) - (constant_exact - largest)) <= u * Rabs (constant_exact - largest) + (1 + u) * constant_error.
Proof.
  intros Fl. assert (A := addition constant (- largest) (format_rnd _) (format_opp _ Fl)). fold (constant - largest) in A.
  assert (C := constant_close). set (x := constant - largest) in *. set (X := constant_exact - largest).
  assert (D : Rabs (x - X) <= constant_error) by (unfold x, X; replace (constant - largest - (constant_exact - largest)) with (constant - constant_exact) by ring; exact C).
  assert (T : Rabs x <= Rabs X + constant_error).
  { replace x with (X + (x - X)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (u * Rabs x <= u * (Rabs X + constant_error)) by (apply Rmult_le_compat_l; lra).
  replace (rnd x - X) with ((rnd x - x) + (x - X)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.
End Tables.
