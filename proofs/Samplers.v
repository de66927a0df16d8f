(* T8: one DDIM step (any eta) and one ancestral step on a Gaussian, per eigendirection of its covariance.

   The data have mean m and variance c in the direction, the state x = a x0 + s eps at level (a, s), the next level is
   (a', s'). The exact denoiser is affine, D(x) = m + A (x - a m), A = a c/V, V = a^2 c + s^2.
     ddim_affine      a' D + b noise(x) + q z = a' m + T (x - a m) + q z with T = a' A + b (1 - a A)/s;
     affine_moments   under any expectation in which x has mean e and variance v and z is standard and uncorrelated with
                      x, the step h + T (x - e) + q z has mean h and variance T^2 v + q^2: the closed recursion;
     ddim_variance    for b^2 + q^2 = s'^2, started from the exact V, the step falls short of V' = a'^2 c + s'^2 by
                      exactly (a' - b a/s)^2 times the posterior variance s^2 c/V;
     flow_variance    with q = 0 that is c (a s' - a' s)^2/V;
     ancestral_ddim   the code's ancestral weights are those of DDIM at eta = 1. *)
Require Import Reals Lra.
Open Scope R_scope.

Section Step.
Variables a s a' s' b q c m : R.
Hypothesis Hs : 0 < s.
Hypothesis Hc : 0 <= c.
Definition V : R := a ^ 2 * c + s ^ 2.
Definition A : R := a * c / V.
Definition denoiser (x : R) : R := m + A * (x - a * m).
Definition noise (x : R) : R := (x - a * denoiser x) / s.
Definition T : R := a' * A + b * (1 - a * A) / s.

Lemma V_pos : 0 < V.
Proof. unfold V. generalize (pow_lt s 2 Hs) (Rmult_le_pos _ _ (pow2_ge_0 a) Hc). lra. Qed.

Theorem ddim_affine x z : a' * denoiser x + b * noise x + q * z = a' * m + T * (x - a * m) + q * z.
Proof. unfold noise, denoiser, T. field. lra. Qed.

Theorem ddim_variance : b ^ 2 + q ^ 2 = s' ^ 2 ->
  a' ^ 2 * c + s' ^ 2 - (T ^ 2 * V + q ^ 2) = (a' - b * a / s) ^ 2 * (s ^ 2 * c / V).
Proof.
  intros H. rewrite <- H. generalize V_pos. unfold T, A, V. intros. field; repeat split; lra.
Qed.

Theorem flow_variance : q = 0 -> b = s' ->
  a' ^ 2 * c + s' ^ 2 - T ^ 2 * V = c * (a * s' - a' * s) ^ 2 / V.
Proof.
  intros _ Hb. generalize V_pos. unfold T, A, V. rewrite Hb. intros. field; repeat split; lra.
Qed.
End Step.

Theorem affine_moments (Omega : Type) (E : (Omega -> R) -> R) (x z : Omega -> R) (e v h T q : R) :
  (forall f g, (forall o, f o = g o) -> E f = E g) ->
  (forall f g, E (fun o => f o + g o) = E f + E g) -> (forall k f, E (fun o => k * f o) = k * E f) ->
  E (fun _ => 1) = 1 -> E x = e -> E (fun o => (x o - e) ^ 2) = v ->
  E z = 0 -> E (fun o => z o ^ 2) = 1 -> E (fun o => (x o - e) * z o) = 0 ->
  let y o := h + T * (x o - e) + q * z o in
  E y = h /\ E (fun o => (y o - h) ^ 2) = T ^ 2 * v + q ^ 2.
Proof.
  intros Ext Plus Scal One Mx Vx Mz Vz Cov y. split.
  - rewrite (Ext y (fun o => ((h - T * e) * 1 + T * x o) + q * z o)) by (intros; unfold y; ring).
    rewrite !Plus, (Scal (h - T * e) (fun _ => 1)), !Scal, One, Mx, Mz. ring.
  - rewrite (Ext _ (fun o => (T ^ 2 * (x o - e) ^ 2 + q ^ 2 * z o ^ 2) + (2 * T * q) * ((x o - e) * z o)))
      by (intros; unfold y; ring).
    rewrite !Plus, !Scal, Vx, Vz, Cov. ring.
Qed.

(* With r = a s'/(a' s), 0 < r <= 1: ancestral adds r (s'/s) x + a' (1 - r^2) D, DDIM at eta = 1 adds a' D + s' r E. *)
Theorem ancestral_ddim a s a' s' x D : 0 < s -> 0 < a' ->
  let r := a * s' / (a' * s) in
  r * (s' / s) * x + a' * (1 - r ^ 2) * D = a' * D + s' * r * ((x - a * D) / s).
Proof. intros Hs Ha r. unfold r. field. split; lra. Qed.
