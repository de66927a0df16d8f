(* T3, T4 and T6: the four predictions, the decomposition of the loss, and the Lipschitz constant.

   T3. round_trips: with x = a D + s E, S = -E/s and v = a E - s D each of denoised D, noise E, score S and velocity v
       gives back the others. conditions: the factor that each conversion multiplies an error by.
   T4. decomposition: for a finite law (point masses), at every x and for every prediction q,
       E[|q - x0|^2 | x] = |q - D(x)|^2 + tr Cov[x0 | x]. decomposition_mean: the same under every average over x.
       noise_loss: the loss in noise prediction is a^2/s^2 times it, pointwise.
   T6. lipschitz_form: point masses in a ball of radius R have 0 <= v . (grad D) v <= (a R^2/s^2) |v|^2 everywhere;
       lipschitz: |D(x + v) - D(x)|^2 <= (a R^2/s^2)^2 |v|^2. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums Tweedie.
Open Scope R_scope.

Section Predictions.
Variables a s : R.
Hypothesis Hs : 0 < s.
Definition score_of_noise (E : R) := - E / s.
Definition noise_of_score (S : R) := - s * S.
Definition noise_of_denoised (x D : R) := (x - a * D) / s.
Definition denoised_of_noise (x E : R) := (x - s * E) / a.
Definition velocity (E D : R) := a * E - s * D.
Definition denoised_of_velocity (x v : R) := (a * x - s * v) / (a ^ 2 + s ^ 2).
Definition noise_of_velocity (x v : R) := (s * x + a * v) / (a ^ 2 + s ^ 2).

Lemma norm_pos : 0 < a ^ 2 + s ^ 2.
Proof. generalize (pow2_ge_0 a) (pow_lt s 2 Hs). lra. Qed.

Theorem round_trips x D E : x = a * D + s * E ->
  noise_of_score (score_of_noise E) = E
  /\ score_of_noise (noise_of_score E) = E
  /\ noise_of_denoised x D = E
  /\ (a <> 0 -> denoised_of_noise x E = D)
  /\ denoised_of_velocity x (velocity E D) = D
  /\ noise_of_velocity x (velocity E D) = E
  /\ a * D = x + s ^ 2 * score_of_noise E.
Proof.
  intros ->. generalize norm_pos; intros Hn.
  unfold noise_of_score, score_of_noise, noise_of_denoised, denoised_of_noise, denoised_of_velocity,
    noise_of_velocity, velocity.
  repeat split; try intros Ha; field; lra.
Qed.

Theorem velocity_round_trip x v :
  velocity (noise_of_velocity x v) (denoised_of_velocity x v) = v
  /\ a * denoised_of_velocity x v + s * noise_of_velocity x v = x.
Proof.
  generalize norm_pos; intros. unfold velocity, noise_of_velocity, denoised_of_velocity. split; field; lra.
Qed.

Theorem conditions x p q :
  noise_of_denoised x p - noise_of_denoised x q = - (a / s) * (p - q)
  /\ noise_of_score p - noise_of_score q = - s * (p - q)
  /\ score_of_noise p - score_of_noise q = - (1 / s) * (p - q)
  /\ (a <> 0 -> denoised_of_noise x p - denoised_of_noise x q = - (s / a) * (p - q))
  /\ denoised_of_velocity x p - denoised_of_velocity x q = - (s / (a ^ 2 + s ^ 2)) * (p - q)
  /\ noise_of_velocity x p - noise_of_velocity x q = a / (a ^ 2 + s ^ 2) * (p - q)
  /\ velocity (noise_of_denoised x p) p - velocity (noise_of_denoised x q) q = - ((a ^ 2 + s ^ 2) / s) * (p - q).
Proof.
  generalize norm_pos; intros Hn.
  unfold noise_of_score, score_of_noise, noise_of_denoised, denoised_of_noise, denoised_of_velocity,
    noise_of_velocity, velocity.
  repeat split; try intros Ha; field; lra.
Qed.

Theorem noise_loss d (x D x0 : vec) :
  dot d (fun k => noise_of_denoised (x k) (D k) - noise_of_denoised (x k) (x0 k))
        (fun k => noise_of_denoised (x k) (D k) - noise_of_denoised (x k) (x0 k))
  = a ^ 2 / s ^ 2 * dot d (fun k => D k - x0 k) (fun k => D k - x0 k).
Proof. unfold dot. rewrite <- rsum_scal. apply rsum_ext. intros. unfold noise_of_denoised. field. lra. Qed.
End Predictions.

(* Point masses: Sg = 0 and P = I/s^2. *)
Section Points.
Variables n d : nat.
Variable c : nat -> R.
Variable mu : nat -> vec.
Variables a s : R.
Hypothesis Hn : (0 < n)%nat.
Hypothesis Hs : 0 < s.
Hypothesis Hc : forall i, (i < n)%nat -> 0 < c i.
Let Sg (i : nat) : mat := scalar 0.
Let P (i : nat) : mat := scalar (/ (a ^ 2 * 0 + s ^ 2)).
Notation mean := (mean n d c mu P a).
Notation D := (D n d c mu Sg P a).
Notation cov := (cov n d c mu Sg P a s).

Lemma M : mixture n d c Sg P a s.
Proof. apply (isotropic_mixture n d c (fun _ => 0)); auto. intros; lra. Qed.

Lemma app_zero v k : app d (scalar 0) v k = 0.
Proof. unfold app, scalar, dot. rewrite (rsum_ext d _ (fun _ => 0)). apply rsum_0. intros; ring. Qed.

Lemma center_point i x k : center d mu Sg P a i x k = mu i k.
Proof. unfold center, Sg. rewrite app_zero. ring. Qed.
Lemma D_point x k : D x k = mean x (fun i => mu i k).
Proof. apply mean_ext. intros; apply center_point. Qed.

Lemma cov_point x u v : cov x u v = mean x (fun i => dot d u (mu i) * dot d v (mu i)) - dot d u (D x) * dot d v (D x).
Proof.
  unfold Tweedie.cov. f_equal. apply mean_ext. intros i Hi. unfold cov_within, Sg.
  rewrite (dot_ext d u u _ (fun _ => 0)) by (auto; intros; apply app_zero).
  rewrite (dot_ext d u u (center d mu _ P a i x) (mu i)) by (auto; intros; apply center_point).
  rewrite (dot_ext d v v (center d mu _ P a i x) (mu i)) by (auto; intros; apply center_point).
  replace (dot d u (fun _ => 0)) with 0. ring. unfold dot. rewrite (rsum_ext d _ (fun _ => 0)).
  symmetry; apply rsum_0. intros; ring.
Qed.

Definition loss (x q : vec) : R := mean x (fun i => dot d (fun k => q k - mu i k) (fun k => q k - mu i k)).
Definition trace_cov (x : vec) : R := rsum d (fun k => cov x (e_ k) (e_ k)).

Lemma mean_rsum x m (f : nat -> nat -> R) : mean x (fun i => rsum m (fun k => f i k)) = rsum m (fun k => mean x (fun i => f i k)).
Proof.
  induction m as [|m IH]; simpl. apply (mean_const n d c mu Sg P a s M).
  rewrite (mean_plus n d c mu P a), IH. reflexivity.
Qed.

Theorem decomposition x q :
  loss x q = dot d (fun k => q k - D x k) (fun k => q k - D x k) + trace_cov x.
Proof.
  unfold loss, trace_cov, dot. rewrite mean_rsum, <- rsum_plus. apply rsum_ext. intros k Hk.
  rewrite cov_point, dot_e, D_point by assumption.
  rewrite (mean_ext n d c mu P a x (fun i => (q k - mu i k) * (q k - mu i k))
    (fun i => (q k * q k + (-2 * q k) * mu i k) + dot d (e_ k) (mu i) * dot d (e_ k) (mu i))).
  2: intros; rewrite !dot_e by assumption; ring.
  rewrite !(mean_plus n d c mu P a), (mean_scal n d c mu P a x (-2 * q k) (fun i => mu i k)),
    (mean_const n d c mu Sg P a s M x (q k * q k)). ring.
Qed.

(* Under any linear average over x, such as the integral against the density. *)
Theorem decomposition_mean (E : (vec -> R) -> R) (q : vec -> vec) :
  (forall f g, (forall x, f x = g x) -> E f = E g) ->
  (forall f g, E (fun x => f x + g x) = E f + E g) ->
  E (fun x => loss x (q x))
  = E (fun x => dot d (fun k => q x k - D x k) (fun k => q x k - D x k)) + E trace_cov.
Proof. intros He Hp. rewrite <- Hp. apply He. intros; apply decomposition. Qed.

(* T6. *)
Variable z : vec.
Variable R0 : R.
Hypothesis ball : forall i, (i < n)%nat -> dot d (fun k => mu i k - z k) (fun k => mu i k - z k) <= R0 ^ 2.

Lemma cauchy_schwarz u v : dot d u v * dot d u v <= dot d u u * dot d v v.
Proof.
  apply cauchy_schwarz_form; try apply dot_nonneg. intros t.
  replace (_ + _) with (dot d (line u v t) (line u v t)). apply dot_nonneg.
  rewrite dot_line_r, 2!(dot_sym d (line u v t)), 2!dot_line_r, (dot_sym d v u). ring.
Qed.

Lemma cov_bound x v : cov x v v <= R0 ^ 2 * dot d v v.
Proof.
  set (e := dot d v (D x)). set (b := dot d v z).
  assert (Em : mean x (fun i => dot d v (mu i)) = e).
  { unfold e. rewrite <- (mean_dot n d c mu P a x v mu). apply dot_ext; auto. intros. symmetry; apply D_point. }
  assert (E : mean x (fun i => (dot d v (mu i) - b) ^ 2) = cov x v v + (e - b) ^ 2).
  { rewrite cov_point. fold e.
    rewrite (mean_ext n d c mu P a x _ (fun i => dot d v (mu i) * dot d v (mu i) + ((-2 * b) * dot d v (mu i) + b ^ 2)))
      by (intros; ring).
    rewrite !(mean_plus n d c mu P a), (mean_scal n d c mu P a), (mean_const n d c mu Sg P a s M), Em. ring. }
  assert (0 <= mean x (fun i => R0 ^ 2 * dot d v v + -1 * (dot d v (mu i) - b) ^ 2)).
  { apply (mean_nonneg n d c mu Sg P a s M). intros i Hi.
    generalize (cauchy_schwarz v (fun k => mu i k - z k)) (ball i Hi) (dot_nonneg d v). intros Hcs Hb Hv.
    rewrite dot_minus_r in Hcs. fold b in Hcs.
    apply (Rmult_le_compat_l _ _ _ Hv) in Hb. simpl. lra. }
  rewrite (mean_plus n d c mu P a), (mean_scal n d c mu P a x (-1) (fun i => (dot d v (mu i) - b) ^ 2)),
    (mean_const n d c mu Sg P a s M x (R0 ^ 2 * dot d v v)), E in H.
  generalize (pow2_ge_0 (e - b)). lra.
Qed.

Hypothesis Ha : 0 <= a.
Let Lip := a * R0 ^ 2 / s ^ 2.

Theorem lipschitz_form x v t :
  is_derive (fun t => dot d v (D (line x v t))) t (a / s ^ 2 * cov (line x v t) v v)
  /\ 0 <= a / s ^ 2 * cov (line x v t) v v <= Lip * dot d v v.
Proof.
  assert (0 <= a / s ^ 2).
  { apply Rmult_le_pos. assumption. left. apply Rinv_0_lt_compat, pow_lt. assumption. }
  split. apply (jacobian n d c mu Sg P a s M). split.
  - apply Rmult_le_pos. assumption. apply (cov_psd n d c mu Sg P a s M).
  - unfold Lip. replace (a * R0 ^ 2 / s ^ 2 * dot d v v) with (a / s ^ 2 * (R0 ^ 2 * dot d v v)).
    apply Rmult_le_compat_l. assumption. apply cov_bound. field. lra.
Qed.

Lemma cov_linear x u v t : cov x (line u v t) (line u v t) = cov x u u + 2 * t * cov x u v + t * t * cov x v v.
Proof.
  assert (L : forall w, dot d (line u v t) w = dot d u w + t * dot d v w).
  { intros w. now rewrite (dot_sym d (line u v t)), dot_line_r, !(dot_sym d w). }
  rewrite !cov_point, L.
  rewrite (mean_ext n d c mu P a x _ (fun i => dot d u (mu i) * dot d u (mu i)
    + ((2 * t) * (dot d u (mu i) * dot d v (mu i)) + (t * t) * (dot d v (mu i) * dot d v (mu i))))).
  2: intros; rewrite L; ring.
  rewrite !(mean_plus n d c mu P a), !(mean_scal n d c mu P a). ring.
Qed.

Theorem lipschitz x v :
  let g := fun k => D (line x v 1) k - D (line x v 0) k in
  dot d g g <= Lip ^ 2 * dot d v v.
Proof.
  intros g.
  destruct (MVT_gen (fun t => dot d g (D (line x v t))) 0 1 (fun t => a / s ^ 2 * cov (line x v t) g v)) as [t [_ Ht]].
  - intros t _. apply (jacobian n d c mu Sg P a s M).
  - intros t _. apply continuity_pt_filterlim.
    apply (ex_derive_continuous (fun t : R => dot d g (D (line x v t)))). eexists. apply (jacobian n d c mu Sg P a s M).
  - assert (Eg : dot d g g = a / s ^ 2 * cov (line x v t) g v).
    { unfold g at 2. rewrite dot_minus_r, Ht. ring. }
    set (y := line x v t) in *. set (k := a / s ^ 2) in *.
    assert (Hk : 0 <= k).
    { apply Rmult_le_pos. assumption. left. apply Rinv_0_lt_compat, pow_lt. assumption. }
    assert (CS : cov y g v * cov y g v <= cov y g g * cov y v v).
    { apply cauchy_schwarz_form; try apply (cov_psd n d c mu Sg P a s M).
      intros r. rewrite <- cov_linear. apply (cov_psd n d c mu Sg P a s M). }
    assert (B1 := cov_bound y g). assert (B2 := cov_bound y v).
    assert (P1 := cov_psd n d c mu Sg P a s M y g). assert (P2 := cov_psd n d c mu Sg P a s M y v).
    assert (G := dot_nonneg d g). assert (V := dot_nonneg d v).
    set (G2 := dot d g g) in *. set (V2 := dot d v v) in *.
    assert (Hsq : G2 * G2 <= Lip ^ 2 * G2 * V2).
    { rewrite Eg at 1 2. replace (Lip ^ 2 * G2 * V2) with (k * k * ((R0 ^ 2 * G2) * (R0 ^ 2 * V2))).
      2: unfold Lip, k; field; lra.
      replace (k * cov y g v * (k * cov y g v)) with (k * k * (cov y g v * cov y g v)) by ring.
      apply Rmult_le_compat_l. now apply Rmult_le_pos.
      apply Rle_trans with (1 := CS). now apply Rmult_le_compat. }
    destruct (Req_dec G2 0) as [E0|E0].
    + rewrite E0. apply Rmult_le_pos. apply pow2_ge_0. assumption.
    + apply (Rmult_le_reg_l G2). lra. lra.
Qed.
End Points.
