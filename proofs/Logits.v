(* N4: what one component of an isotropic mixture contributes at a point, in the order of src/law/reference.rs, and how far rounding and
   rounded inputs move it, in the form of src/law/bound/component.rs.

   Rounding as in Softmax.v. Inputs with a hat are those that the code has, of the format; the exact ones stand beside them.
     difference_error   z = x - a mu, one fused multiply-add;
     distance_error     |z|^2/v: the squares in one chain of fused multiply-adds from zero, then times the table's 1/v;
     logit_error        offset - |z|^2/(2 v), one fused multiply-add;
     pull_error         z/v as the score's numerator has it, and summand_error mu - origin + g z, the denoiser's.
   The tables that this starts from are in Tables.v. *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near.
Open Scope R_scope.

Section Logits.
Variable rnd : R -> R.
Variables u eta : R.
Hypothesis u_range : 0 <= u < 1.
Hypothesis eta_pos : 0 <= eta.
Hypothesis standard : forall z, exists w, Rabs w <= eta /\ Rabs (rnd z - (z + w)) <= u * Rabs (z + w).
Notation nu := (Near.nu u).

Lemma rounding_error z : Rabs (rnd z - z) <= u * Rabs z + (1 + u) * eta.
Proof.
  destruct (standard z) as [w [Hw H]]. replace (rnd z - z) with ((rnd z - (z + w)) + w) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). assert (T := Rabs_triang z w).
  assert (u * Rabs (z + w) <= u * (Rabs z + eta)) by (apply Rmult_le_compat_l; lra). lra.
Qed.
(* The rounded value of something that is itself off by D. *)
Lemma rounded_error z Z D : Rabs (z - Z) <= D -> Rabs (rnd z - Z) <= u * Rabs Z + (1 + u) * (D + eta).
Proof.
  intros H. replace (rnd z - Z) with ((rnd z - z) + (z - Z)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
  assert (T : Rabs z <= Rabs Z + D). { replace z with (Z + (z - Z)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (u * Rabs z <= u * (Rabs Z + D)) by (apply Rmult_le_compat_l; lra). generalize (rounding_error z). lra.
Qed.

Definition difference (x a mu : R) : R := rnd (- a * mu + x).
Definition input (x a mu xh ah muh : R) : R := Rabs (xh - x) + Rabs (ah - a) * Rabs mu + (Rabs a + Rabs (ah - a)) * Rabs (muh - mu).
Theorem difference_error x a mu xh ah muh :
  Rabs (difference xh ah muh - (x - a * mu)) <= u * Rabs (x - a * mu) + (1 + u) * (input x a mu xh ah muh + eta).
Proof.
  apply rounded_error. unfold input.
  replace (- ah * muh + xh - (x - a * mu)) with ((xh - x) + (- (ah - a) * mu + - ah * (muh - mu))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rplus_assoc. apply Rplus_le_compat_l.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult, !Rabs_Ropp. apply Rplus_le_compat_l.
  apply Rmult_le_compat_r. apply Rabs_pos. replace ah with (a + (ah - a)) at 1 by ring. apply Rabs_triang.
Qed.

Variable d : nat.
Variables zh z err : nat -> R.
Hypothesis z_close : forall i, (i < d)%nat -> Rabs (zh i - z i) <= err i.
Variables p P dp : R.
Hypothesis P_pos : 0 <= P.
Hypothesis dp_pos : 0 <= dp.
Hypothesis p_near : near dp p P.

Definition distance : R := rnd (chain rnd (fun i => zh i * zh i) d * p).
Definition square : R := rsum d (fun i => z i * z i) * P.
Definition spread : R := rsum d (fun i => 2 * Rabs (z i) * err i + err i * err i) * P.
Definition distance_cost : R := dp + (INR d + 1) * nu.
Definition distance_rest : R := (rsum d (fun _ => eta) * exp (INR d * nu) * (P * exp dp) + eta) * exp nu.

Theorem distance_error : Rabs (distance - square) <= (exp distance_cost - 1) * (square + spread) + spread + distance_rest.
Proof.
  destruct (chain_near rnd u eta u_range eta_pos standard (fun i => zh i * zh i) (fun i => zh i * zh i) (fun _ => 0) (fun _ => 0) d)
    as [c [r [Ec [Hc Hr]]]].
  { intros j _. apply off_near, near_refl. }
  rewrite (rsum_ext d _ (fun _ => eta)) in Hr by (intros; ring).
  destruct (rounded rnd u eta u_range standard (chain rnd (fun i => zh i * zh i) d * p)) as [w [s [Hw [Hs Es]]]].
  unfold distance. rewrite Es, Ec. assert (Np := nu_pos u u_range). destruct p_near as [tp [Htp Ep]].
  set (k := P * exp tp * exp s).
  replace ((rsum d c + r) * p + w) with (rsum d c * p + (r * p + w)) by ring. rewrite Rmult_plus_distr_r.
  assert (E1 : rsum d c * p * exp s = rsum d (fun i => c i * k)) by (rewrite rsum_scal_r, Ep; unfold k; ring).
  rewrite E1.
  assert (Z2 : forall i, (i < d)%nat -> Rabs (zh i * zh i - z i * z i) <= 2 * Rabs (z i) * err i + err i * err i).
  { intros i Hi. assert (H := z_close i Hi). replace (zh i * zh i - z i * z i) with (2 * z i * (zh i - z i) + (zh i - z i) * (zh i - z i)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult, (Rabs_pos_eq 2) by lra. apply Rplus_le_compat.
    apply Rmult_le_compat_l; [|assumption]. apply Rmult_le_pos. lra. apply Rabs_pos.
    apply Rmult_le_compat; auto using Rabs_pos. }
  assert (ZZ : rsum d (fun i => zh i * zh i) * P <= square + spread).
  { unfold square, spread. rewrite <- Rmult_plus_distr_r. apply Rmult_le_compat_r. assumption. rewrite <- rsum_plus. apply rsum_le.
    intros i Hi. generalize (Rabs_le_inv _ _ (Z2 i Hi)). lra. }
  replace (_ + _ - square) with ((rsum d (fun i => c i * k) - rsum d (fun i => zh i * zh i) * P)
    + (rsum d (fun i => zh i * zh i) * P - square) + (r * p + w) * exp s) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat. apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat.
  - rewrite <- rsum_scal_r, <- rsum_minus. apply Rle_trans with (1 := rsum_abs _ _).
    apply Rle_trans with ((exp distance_cost - 1) * (rsum d (fun i => zh i * zh i) * P)).
    + rewrite <- rsum_scal_r, <- rsum_scal. apply rsum_le. intros i Hi.
      assert (Nk : near distance_cost (c i * k) (zh i * zh i * P)).
      { apply near_weaken with (0 + INR d * nu + (dp + nu)); [|unfold distance_cost; lra]. apply near_mult. now apply Hc.
        exists (tp + s). split. apply Rle_trans with (1 := Rabs_triang _ _). lra. unfold k. rewrite exp_plus. ring. }
      apply Rle_trans with (1 := near_abs _ _ _ Nk). rewrite (Rabs_pos_eq (zh i * zh i * P)). lra.
      apply Rmult_le_pos. apply Rle_0_sqr. assumption.
    + apply Rmult_le_compat_l; [|assumption]. assert (1 <= exp distance_cost); [|lra]. apply exp_ge_1. unfold distance_cost.
      assert (0 <= (INR d + 1) * nu) by (apply Rmult_le_pos; [generalize (pos_INR d)|]; lra). lra.
  - unfold square, spread. rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq P) by assumption. apply Rmult_le_compat_r. assumption.
    rewrite <- rsum_minus. apply Rle_trans with (1 := rsum_abs _ _). now apply rsum_le.
  - unfold distance_rest. rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos.
    + apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat; [|assumption]. rewrite Rabs_mult.
      apply Rmult_le_compat; try apply Rabs_pos. assumption. apply near_size in p_near. rewrite (Rabs_pos_eq P) in p_near; assumption.
    + rewrite Rabs_pos_eq by (left; apply exp_pos). apply exp_le. apply Rabs_le_inv in Hs. lra.
Qed.

Variables offset offset_exact offset_error : R.
Hypothesis offset_close : Rabs (offset - offset_exact) <= offset_error.
Definition logit : R := rnd (- / 2 * distance + offset).
Definition logit_exact : R := offset_exact - / 2 * square.
Definition logit_radius : R := u * Rabs logit_exact
  + (1 + u) * (/ 2 * ((exp distance_cost - 1) * (square + spread) + spread + distance_rest) + offset_error + eta).

Theorem logit_error : Rabs (logit - logit_exact) <= logit_radius.
Proof.
  apply rounded_error. unfold logit_exact.
  replace (- / 2 * distance + offset - (offset_exact - / 2 * square)) with (- / 2 * (distance - square) + (offset - offset_exact)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq (/ 2)) by lra. generalize distance_error. lra.
Qed.

Theorem pull_error i : (i < d)%nat -> Rabs (p * zh i - P * z i) <= (exp dp - 1) * Rabs (P * z i) + P * exp dp * err i.
Proof.
  intros Hi. replace (p * zh i - P * z i) with ((p * z i - P * z i) + p * (zh i - z i)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat. apply near_abs, near_scale, p_near.
  rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [|now apply z_close].
  assert (S := near_size _ _ _ p_near). now rewrite (Rabs_pos_eq P) in S.
Qed.

Theorem summand_error i g G dg shifted S ds : (i < d)%nat -> 0 <= G -> near dg g G -> Rabs (shifted - S) <= ds ->
  Rabs (rnd (g * zh i + shifted) - (S + G * z i))
  <= u * Rabs (S + G * z i) + (1 + u) * ((exp dg - 1) * Rabs (G * z i) + G * exp dg * err i + ds + eta).
Proof.
  intros Hi HG Hg Hs. apply rounded_error.
  replace (g * zh i + shifted - (S + G * z i)) with ((g * z i - G * z i) + g * (zh i - z i) + (shifted - S)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat; [|assumption].
  apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat. apply near_abs, near_scale, Hg.
  rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [|now apply z_close].
  assert (Sz := near_size _ _ _ Hg). now rewrite (Rabs_pos_eq G) in Sz.
Qed.
End Logits.
