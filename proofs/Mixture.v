(* N4: the first-order quantities of an isotropic mixture at a point, from the inputs to the result, in the order of src/law/reference.rs,
   and the bound of their error in the form that src/law/bound reports: for each component the logit's radius, the interval in which its
   share lies then, the radius of what is averaged, and the roundings of its term.

   Rounding, exp and ln as in Softmax.v (no hypothesis about them is left in MixtureFormats.v). Components are j of block i.
     what each is         z = x - a mu, l = offset - |z|^2 p/2, weights e^(l - m), blocks combined, divided by the total;
     exactly              L = O - |x - a mu|^2 P/2 with P = 1/v and O = ln w - (d/2) ln v up to a constant, shares softmax L;
     mixture_score, mixture_denoiser, mixture_responsibility, mixture_log_density: for any c
       |computed mean - sum share y| <= sum width |y - c| + sum highest (radius + (|y| + radius) (e^rounding - 1)) + rest. *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Weights Softmax Logits.
Open Scope R_scope.

(* The largest of n + 1 numbers, as a fold finds it. *)
Fixpoint top (f : nat -> R) (n : nat) : R := match n with O => f 0%nat | S k => Rmax (top f k) (f k) end.
Lemma top_is f n : (0 < n)%nat -> (exists j, (j < n)%nat /\ top f n = f j) /\ forall j, (j < n)%nat -> f j <= top f n.
Proof.
  induction n as [|n IH]; intros Hn. lia. destruct (Nat.eq_dec n 0) as [->|H0].
  - simpl. rewrite Rmax_left by lra. split. exists 0%nat. split. lia. reflexivity. intros j Hj. replace j with 0%nat by lia. lra.
  - destruct IH as [[j [Hj Ej]] U]. lia. cbn [top]. split.
    + destruct (Rle_dec (top f n) (f n)). rewrite Rmax_right by assumption. exists n. split. lia. reflexivity.
      rewrite Rmax_left by lra. exists j. split. lia. assumption.
    + intros k Hk. destruct (Nat.eq_dec k n) as [->|Hne]. apply Rmax_r. apply Rle_trans with (2 := Rmax_l _ _). apply U. lia.
Qed.

Section Mixture.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables u eta e tau : R.
Hypothesis u_range : 0 <= u < 1.
Hypothesis eta_pos : 0 <= eta.
Hypothesis e_pos : 0 <= e.
Hypothesis tau_pos : 0 <= tau.
Hypothesis standard : forall z, exists w, Rabs w <= eta /\ Rabs (rnd z - (z + w)) <= u * Rabs (z + w).
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= u * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Hypothesis format_0 : format 0.
Variable E : R -> R.
Hypothesis exp_off : forall x, format x -> x <= 0 -> off e tau (E x) (exp x).
Variable Ln : R -> R.
Variables lambda ln_rest limit : R.
Hypothesis lambda_pos : 0 <= lambda.
Hypothesis ln_close : forall x, format x -> 0 < x <= limit -> format (Ln x) /\ Rabs (Ln x - ln x) <= lambda * Rabs (ln x) + ln_rest.

(* Blocks 0 to b of at most N components each; d coordinates. *)
Variable size : nat -> nat.
Variables N b d : nat.
Hypothesis sizes : forall i, (0 < size i <= N)%nat.
Notation dsum := (Sums.dsum size b).

(* What the code has, and what is exact. *)
Variables xh x : nat -> R.
Variables ah a : R.
Variables muh mu : nat -> nat -> nat -> R.
Variables p P offset O g G : nat -> nat -> R.
Variables shifted : nat -> nat -> nat -> R.
Variable origin : nat -> R.
Variables dp dg offset_error : R.
Hypothesis P_pos : forall i j, 0 <= P i j.
Hypothesis G_pos : forall i j, 0 <= G i j.
Hypothesis dp_pos : 0 <= dp.
Hypothesis dg_pos : 0 <= dg.
Hypothesis p_near : forall i j, near dp (p i j) (P i j).
Hypothesis g_near : forall i j, near dg (g i j) (G i j).
Hypothesis offset_close : forall i j, Rabs (offset i j - O i j) <= offset_error.
Variable shifted_error : nat -> nat -> nat -> R.
Hypothesis shifted_close : forall i j k, Rabs (shifted i j k - (mu i j k - origin k)) <= shifted_error i j k.

Definition z (i j k : nat) : R := x k - a * mu i j k.
Definition zh (i j k : nat) : R := difference rnd (xh k) ah (muh i j k).
Definition z_error (i j k : nat) : R := u * Rabs (z i j k) + (1 + u) * (input (x k) a (mu i j k) (xh k) ah (muh i j k) + eta).
Definition l (i j : nat) : R := logit rnd d (zh i j) (p i j) (offset i j).
Definition L (i j : nat) : R := logit_exact d (z i j) (P i j) (O i j).
Definition l_radius (i j : nat) : R := logit_radius u eta d (z i j) (z_error i j) (P i j) dp (O i j) offset_error.
Definition m (i : nat) : R := top (l i) (size i).
Notation M := (largest m b).
Notation width := (Weights.width size b L l_radius).
Notation highest := (Weights.highest size b L l_radius).
Notation total := (Softmax.total rnd E size l m b).
Notation phi := (Softmax.phi u eta e tau size l m N b).
Notation nu := (Near.nu u).

(* The relative rounding of a component's term, that of the total among it: c0 is what its weight costs beyond the block's additions. *)
Definition term_cost (c0 : R) (i j : nat) : R := u * Rabs (l i j - M) + cost u e tau N c0 b + (phi + nu).

Hypothesis total_known : Softmax.Phi u eta e tau size l m N b < 1.

Lemma z_close i j k : Rabs (zh i j k - z i j k) <= z_error i j k.
Proof. apply difference_error; assumption. Qed.
Lemma l_close i j : Rabs (l i j - L i j) <= l_radius i j.
Proof. apply (logit_error rnd) with (p := p i j); auto. intros k _. apply z_close. Qed.
Lemma l_format i j : format (l i j).
Proof. apply format_rnd. Qed.
Lemma m_largest i : (exists j, (j < size i)%nat /\ m i = l i j) /\ forall j, (j < size i)%nat -> l i j <= m i.
Proof. apply top_is. apply sizes. Qed.
Lemma size_le i : (size i <= N)%nat.
Proof. apply sizes. Qed.
Lemma some : (0 <= b)%nat /\ (0 < size 0)%nat.
Proof. split. lia. apply sizes. Qed.
Lemma l_within : within L l_radius l.
Proof. exact l_close. Qed.
Lemma radius_pos i j : 0 <= l_radius i j.
Proof. apply Rle_trans with (2 := l_close i j). apply Rabs_pos. Qed.
Lemma L_within : within L l_radius L.
Proof. intros i j. rewrite Rminus_eq_0, Rabs_R0. apply radius_pos. Qed.
Lemma share_is i j : Softmax.share size l m b i j = softmax size b l i j.
Proof.
  unfold Softmax.share, softmax, mass. replace (dsum (fun i j => exp (l i j - M))) with (dsum (fun i j => exp (l i j)) * exp (- M)).
  2: { rewrite <- dsum_scal_r. apply dsum_ext. intros. unfold Rminus. now rewrite exp_plus. }
  unfold Rminus. rewrite exp_plus. assert (Ep := exp_pos (- M)). assert (Mp := mass_pos size b l 0 0 some). field. lra.
Qed.
Lemma phi_nonneg : 0 <= phi.
Proof. exact (phi_pos rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off size l m N size_le l_format m_largest b total_known). Qed.
Lemma cost_nonneg c0 : 0 <= c0 -> 0 <= cost u e tau N c0 b.
Proof.
  intros H. assert (Np := nu_pos u u_range). unfold cost, step_cost. assert (0 <= INR N * nu) by (apply Rmult_le_pos; auto using pos_INR).
  assert (0 <= INR b * (e + tau + 2 * nu)) by (apply Rmult_le_pos; [apply pos_INR|lra]). lra.
Qed.
Lemma term_cost_pos c0 i j : 0 <= c0 -> 0 <= term_cost c0 i j.
Proof.
  intros H. unfold term_cost. assert (C := cost_nonneg c0 H). assert (Np := nu_pos u u_range). assert (F := phi_nonneg).
  assert (0 <= u * Rabs (l i j - M)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). lra.
Qed.

(* What rounding does to a mean of y' over the shares of the computed logits, and what moving logits and y' do. *)
Definition mean_bound (c0 : R) (y radius : nat -> nat -> R) (c rest : R) : R :=
  dsum (fun i j => width i j * Rabs (y i j - c))
  + dsum (fun i j => highest i j * (radius i j + (Rabs (y i j) + radius i j) * (exp (term_cost c0 i j) - 1))) + rest.

Lemma assembled c0 y' y radius c rest X : 0 <= c0 -> (forall i j, Rabs (y' i j - y i j) <= radius i j) ->
  Rabs (X - dsum (fun i j => Softmax.share size l m b i j * y' i j))
    <= dsum (fun i j => Softmax.share size l m b i j * Rabs (y' i j) * (exp (term_cost c0 i j) - 1)) + rest ->
  Rabs (X - dsum (fun i j => softmax size b L i j * y i j)) <= mean_bound c0 y radius c rest.
Proof.
  intros Hc0 Hy HX. assert (Mv := mean_moved size b L l_radius some l L y y' c l_within L_within).
  rewrite (dsum_ext b (fun i j => Softmax.share size l m b i j * y' i j) (fun i j => softmax size b l i j * y' i j)) in HX
    by (intros; now rewrite share_is).
  replace (X - dsum (fun i j => softmax size b L i j * y i j)) with ((X - dsum (fun i j => softmax size b l i j * y' i j))
    + (dsum (fun i j => softmax size b l i j * y' i j) - dsum (fun i j => softmax size b L i j * y i j))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _).
  assert (H1 : dsum (fun i j => Softmax.share size l m b i j * Rabs (y' i j) * (exp (term_cost c0 i j) - 1))
    <= dsum (fun i j => highest i j * ((Rabs (y i j) + radius i j) * (exp (term_cost c0 i j) - 1)))).
  { apply dsum_le. intros i j Hi Hj. rewrite Rmult_assoc, share_is.
    assert (Cp := exp_ge_1 _ (term_cost_pos c0 i j Hc0)). assert (B := share_between size b L l_radius l i j l_within (conj Hi Hj)).
    assert (Sp := softmax_pos size b l i j (conj Hi Hj)).
    assert (Y : Rabs (y' i j) <= Rabs (y i j) + radius i j).
    { replace (y' i j) with (y i j + (y' i j - y i j)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). generalize (Hy i j). lra. }
    apply Rmult_le_compat. lra. apply Rmult_le_pos. apply Rabs_pos. lra. apply B. apply Rmult_le_compat_r; lra. }
  assert (H2 : dsum (fun i j => highest i j * Rabs (y' i j - y i j)) <= dsum (fun i j => highest i j * radius i j)).
  { apply dsum_le. intros i j Hi Hj. apply Rmult_le_compat_l; [|apply Hy]. apply Rle_trans with (softmax size b l i j).
    left. now apply softmax_pos. now apply (share_between size b L l_radius l i j l_within). }
  unfold mean_bound.
  rewrite (dsum_ext b (fun i j => highest i j * (radius i j + _)) (fun i j => highest i j * radius i j
    + highest i j * ((Rabs (y i j) + radius i j) * (exp (term_cost c0 i j) - 1)))) by (intros; ring).
  rewrite dsum_plus. lra.
Qed.

(* The score, a coordinate k. *)
Definition score (k : nat) : R := Softmax.score rnd E size l m b p (fun i j => zh i j k).
Definition score_exact (k : nat) : R := - dsum (fun i j => softmax size b L i j * (P i j * z i j k)).
Definition pull_radius (k i j : nat) : R := (exp dp - 1) * Rabs (P i j * z i j k) + P i j * exp dp * z_error i j k.
Definition score_bound (k : nat) (c : R) : R := mean_bound (e + nu) (fun i j => P i j * z i j k) (pull_radius k) c
  (exp (phi + nu) * (score_rest u eta e tau size N b p (fun i j => zh i j k) + eta)).

Theorem mixture_score k c : (k < d)%nat -> Rabs (score k - score_exact k) <= score_bound k c.
Proof.
  intros Hk. assert (Np := nu_pos u u_range).
  assert (H := score_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b total_known p (fun i j => zh i j k)). fold (score k) in H.
  unfold score_exact. replace (score k - - _) with (- (- score k - dsum (fun i j => softmax size b L i j * (P i j * z i j k)))) by ring.
  rewrite Rabs_Ropp. apply (assembled (e + nu) (fun i j => p i j * zh i j k)). lra.
  - intros i j. apply (pull_error d) with (p := p i j) (i := k); auto. intros; apply z_close.
  - rewrite <- Rabs_Ropp. replace (- (- score k - _)) with (score k - - dsum (fun i j => Softmax.share size l m b i j * (p i j * zh i j k))) by ring.
    exact H.
Qed.

(* The denoiser. *)
Definition summand (k i j : nat) : R := rnd (g i j * zh i j k + shifted i j k).
Definition denoiser (k : nat) : R := Softmax.denoised rnd E size l m b (summand k) (origin k).
Definition denoiser_exact (k : nat) : R := dsum (fun i j => softmax size b L i j * (mu i j k + G i j * z i j k)).
Definition summand_radius (k i j : nat) : R := u * Rabs (mu i j k - origin k + G i j * z i j k)
  + (1 + u) * ((exp dg - 1) * Rabs (G i j * z i j k) + G i j * exp dg * z_error i j k + shifted_error i j k + eta).
Definition denoiser_bound (k : nat) (c : R) : R := let B := mean_bound e (fun i j => mu i j k - origin k + G i j * z i j k) (summand_radius k) c
  (exp (phi + nu) * (denoised_rest u eta e tau size N b (summand k) + eta)) in
  B + u * (Rabs (denoiser_exact k) + B).

Theorem mixture_denoiser k c : (k < d)%nat -> format (origin k) -> Rabs (denoiser k - denoiser_exact k) <= denoiser_bound k c.
Proof.
  intros Hk Fo. set (X := rnd (combined rnd E size m (fun i j => Softmax.weight rnd E l m i j * summand k i j) b / total)).
  assert (H := mean_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b total_known (fun i j => Softmax.weight rnd E l m i j * summand k i j) (summand k)
    (fun i j => tau * Rabs (summand k i j)) e e_pos ltac:(intros; apply Rmult_le_pos; [assumption|apply Rabs_pos])
    ltac:(intros i j Hj; apply off_scale; now apply (weight_term rnd format u e tau u_range addition format_opp format_rnd E exp_off size l m l_format m_largest))).
  fold X in H.
  set (B := mean_bound e (fun i j => mu i j k - origin k + G i j * z i j k) (summand_radius k) c
    (exp (phi + nu) * (denoised_rest u eta e tau size N b (summand k) + eta))).
  assert (A : Rabs (X - dsum (fun i j => softmax size b L i j * (mu i j k - origin k + G i j * z i j k))) <= B).
  { apply (assembled e (summand k)). exact e_pos.
    - intros i j. apply (summand_error rnd u eta u_range standard d (zh i j) (z i j) (z_error i j)); auto. intros; apply z_close.
    - exact H. }
  assert (S1 := softmax_sum size b L 0 0 some).
  assert (Eq : dsum (fun i j => softmax size b L i j * (mu i j k - origin k + G i j * z i j k)) = denoiser_exact k - origin k).
  { replace (denoiser_exact k - origin k) with (denoiser_exact k - dsum (softmax size b L) * origin k) by (rewrite S1; ring).
    unfold denoiser_exact. rewrite <- dsum_scal_r, <- dsum_minus. apply dsum_ext. intros. ring. }
  rewrite Eq in A. unfold denoiser, denoised, denoiser_bound. cbv zeta. fold B. fold X.
  assert (Ad := addition (origin k) X Fo (format_rnd _)).
  assert (T : Rabs (origin k + X) <= Rabs (denoiser_exact k) + B).
  { replace (origin k + X) with (denoiser_exact k + (X - (denoiser_exact k - origin k))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (u * Rabs (origin k + X) <= u * (Rabs (denoiser_exact k) + B)) by (apply Rmult_le_compat_l; lra).
  replace (rnd (origin k + X) - denoiser_exact k) with ((rnd (origin k + X) - (origin k + X)) + (X - (denoiser_exact k - origin k))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

(* A responsibility, and the log density: [reference] is what was subtracted from the logits, less (d/2) ln 2 pi. *)
Theorem mixture_responsibility i j : (i <= b)%nat -> (j < size i)%nat ->
  Rabs (rnd (E (rnd (l i j - M)) / total) - softmax size b L i j)
  <= width i j + highest i j * (exp (u * Rabs (l i j - M) + e + (phi + nu)) - 1) + exp (phi + nu) * (tau + eta).
Proof.
  intros Hi Hj. assert (H := responsibility_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd
    E exp_off size l m N size_le l_format m_largest b total_known i j Hi Hj). rewrite share_is in H.
  assert (B1 := share_between size b L l_radius l i j l_within (conj Hi Hj)). assert (B2 := share_between size b L l_radius L i j L_within (conj Hi Hj)).
  set (c := exp (u * Rabs (l i j - M) + e + (phi + nu)) - 1) in *.
  assert (Cp : 0 <= c).
  { unfold c. assert (1 <= exp (u * Rabs (l i j - M) + e + (phi + nu))); [|lra]. apply exp_ge_1.
    assert (Np := nu_pos u u_range). assert (F := phi_nonneg). assert (0 <= u * Rabs (l i j - M)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]). lra. }
  assert (softmax size b l i j * c <= highest i j * c) by (apply Rmult_le_compat_r; lra).
  replace (_ - softmax size b L i j) with ((rnd (E (rnd (l i j - M)) / total) - softmax size b l i j) + (softmax size b l i j - softmax size b L i j)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _).
  assert (Rabs (softmax size b l i j - softmax size b L i j) <= width i j) by (apply Rabs_le; unfold Weights.width; lra). lra.
Qed.

Variables reference reference_exact : R.
Definition log_density : R := rnd (rnd (M + Ln total) + reference).
Definition log_density_exact : R := ln (dsum (fun i j => exp (L i j))) + reference_exact.
Definition log_density_bound : R := let B := phi + (lambda * (ln (mass size l m b) + phi) + ln_rest) + u * Rabs (M + Ln total)
    + dsum (fun i j => high L l_radius i j - low L l_radius i j) / dsum (low L l_radius) + Rabs (reference - reference_exact) in
  B + u * (Rabs log_density_exact + B).
Theorem mixture_log_density : format reference -> 2 * mass size l m b <= limit -> Rabs (log_density - log_density_exact) <= log_density_bound.
Proof.
  intros Fr Room. assert (H := log_sum_exp_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd
    E exp_off size l m N size_le l_format m_largest b total_known Ln lambda ln_rest limit ln_close Room format_0 lambda_pos).
  assert (Mv := log_moved size b L l_radius some l L l_within L_within).
  unfold log_density, log_density_bound, log_density_exact. cbv zeta. set (X := rnd (M + Ln total)) in *.
  set (B := _ + Rabs (reference - reference_exact)). set (Y := ln (dsum (fun i j => exp (L i j)))) in *.
  assert (A : Rabs (X + reference - (Y + reference_exact)) <= B).
  { replace (X + reference - (Y + reference_exact)) with ((X - ln (dsum (fun i j => exp (l i j)))) + (ln (dsum (fun i j => exp (l i j))) - Y)
      + (reference - reference_exact)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat_r. apply Rle_trans with (1 := Rabs_triang _ _). unfold B. lra. }
  assert (Ad := addition X reference (format_rnd _) Fr).
  assert (T : Rabs (X + reference) <= Rabs (Y + reference_exact) + B).
  { replace (X + reference) with ((Y + reference_exact) + (X + reference - (Y + reference_exact))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (u * Rabs (X + reference) <= u * (Rabs (Y + reference_exact) + B)) by (apply Rmult_le_compat_l; lra).
  replace (rnd (X + reference) - (Y + reference_exact)) with ((rnd (X + reference) - (X + reference)) + (X + reference - (Y + reference_exact))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.
End Mixture.
