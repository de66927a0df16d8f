(* T1 and T2 for Gaussian mixtures, in any dimension, with any number of components, through any channel.

   The data x0 are a mixture of n components N(mu i, Sg i) in d dimensions; the covariances Sg i are symmetric and
   positive semidefinite, so point masses and degenerate Gaussians are components like any other. The channel is
   x = a x0 + s eps with s > 0. Component i of x is N(a mu i, V i), V i = a^2 Sg i + s^2 I; its inverse is given as
   P i, and that V i P i = I is all that is asked of it. c i > 0 is the weight with the factor 1/sqrt(det V i) in
   it. The denoiser D is the mean of the components' conditional means; Conjugacy.v shows that they are conditional
   means. Proven:
     tweedie_direction, tweedie   a D(x) = x + s^2 grad ln p(x), along every direction and coordinate by coordinate;
     noise_score                  E[eps | x] = -s grad ln p(x);
     jacobian                     the derivative of D along v, read along u, is (a/s^2) Cov(u, v);
     score_jacobian               u . v + s^2 u . (derivative of grad ln p along v) = (a^2/s^2) Cov(u, v);
     cov_symmetric, cov_psd       the posterior covariance is symmetric and positive semidefinite;
     denoiser_monotone            (x' - x) . (D(x') - D(x)) >= 0: on the line D does not decrease. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums.
Open Scope R_scope.

Section Mixture.
Variables n d : nat.
Variable c : nat -> R.
Variable mu : nat -> vec.
Variable Sg P : nat -> mat.
Variables a s : R.

Definition variance (i : nat) : mat := fun k l => a ^ 2 * Sg i k l + s ^ 2 * delta k l.

(* What is asked of the data of a mixture. *)
Record mixture : Prop := {
  components : (0 < n)%nat;
  weights : forall i, (i < n)%nat -> 0 < c i;
  noise_level : 0 < s;
  covariance_symmetric : forall i, (i < n)%nat -> symmetric d (Sg i);
  covariance_psd : forall i, (i < n)%nat -> psd d (Sg i);
  precision : forall i v k, (i < n)%nat -> (k < d)%nat -> app d (variance i) (app d (P i) v) k = v k }.

Definition offset (i : nat) (x : vec) : vec := fun k => x k - a * mu i k.
Definition pull (i : nat) (x : vec) : vec := app d (P i) (offset i x).
Definition form (i : nat) (x : vec) : R := dot d (offset i x) (pull i x).
Definition term (i : nat) (x : vec) : R := c i * exp (- form i x / 2).
Definition density (x : vec) : R := rsum n (fun i => term i x).
Definition mean (x : vec) (f : nat -> R) : R := wmean n (fun i => term i x) f.
Definition score (x : vec) : vec := fun k => mean x (fun i => - pull i x k).
(* E[x0 | x, component i], and the denoiser. *)
Definition center (i : nat) (x : vec) : vec := fun k => mu i k + a * app d (Sg i) (pull i x) k.
Definition D (x : vec) : vec := fun k => mean x (fun i => center i x k).
(* E[eps | x]. *)
Definition noise (x : vec) : vec := fun k => mean x (fun i => s * pull i x k).
(* u . Cov[x0 | x, component i] v, and u . Cov[x0 | x] v by the law of total covariance. *)
Definition cov_within (i : nat) (u v : vec) : R := s ^ 2 * dot d u (app d (Sg i) (app d (P i) v)).
Definition cov (x u v : vec) : R :=
  mean x (fun i => cov_within i u v + dot d u (center i x) * dot d v (center i x))
  - dot d u (D x) * dot d v (D x).

Hypothesis M : mixture.

Lemma s_pos : 0 < s. Proof. apply (noise_level M). Qed.
Lemma term_pos i x : (i < n)%nat -> 0 < term i x.
Proof. intros Hi. apply Rmult_lt_0_compat. now apply (weights M). apply exp_pos. Qed.
Lemma density_pos x : 0 < density x.
Proof. apply rsum_pos. exact (components M). intros; now apply term_pos. Qed.

Lemma mean_ext x f g : (forall i, (i < n)%nat -> f i = g i) -> mean x f = mean x g.
Proof. intros H. unfold mean, wmean. f_equal. apply rsum_ext. intros i Hi. now rewrite H. Qed.
Lemma mean_plus x f g : mean x (fun i => f i + g i) = mean x f + mean x g.
Proof.
  unfold mean, wmean, Rdiv. rewrite <- Rmult_plus_distr_r, <- rsum_plus. f_equal.
  apply rsum_ext. intros; ring.
Qed.
Lemma mean_scal x b f : mean x (fun i => b * f i) = b * mean x f.
Proof.
  unfold mean, wmean, Rdiv. rewrite <- Rmult_assoc, <- rsum_scal. f_equal. apply rsum_ext. intros; ring.
Qed.
Lemma mean_const x b : mean x (fun _ => b) = b.
Proof.
  unfold mean, wmean. rewrite rsum_scal_r. generalize (density_pos x). unfold density. intros. field. lra.
Qed.
Lemma mean_nonneg x f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= mean x f.
Proof.
  intros H. apply Rmult_le_pos. apply rsum_nonneg. intros i Hi. apply Rmult_le_pos.
  left; now apply term_pos. now apply H. left. apply Rinv_0_lt_compat, density_pos.
Qed.
Lemma mean_dot x u (m : nat -> vec) : dot d u (fun k => mean x (fun i => m i k)) = mean x (fun i => dot d u (m i)).
Proof.
  unfold mean, wmean, Rdiv.
  rewrite <- (dot_rsum_r d n u (fun i => term i x) m), Rmult_comm, <- dot_scal_r.
  apply rsum_ext. intros; ring.
Qed.

(* V = a^2 Sg + s^2 I as an operator; P is symmetric because V is. *)
Lemma app_variance i v k : (k < d)%nat -> app d (variance i) v k = a ^ 2 * app d (Sg i) v k + s ^ 2 * v k.
Proof.
  intros Hk. unfold app, variance, dot.
  rewrite <- (rsum_delta d k v Hk). rewrite <- !rsum_scal, <- rsum_plus. apply rsum_ext. intros; ring.
Qed.
Lemma delta_sym k l : delta k l = delta l k.
Proof. unfold delta. now rewrite Nat.eqb_sym. Qed.
Lemma variance_symmetric i : (i < n)%nat -> symmetric d (variance i).
Proof.
  intros Hi k l Hk Hl. unfold variance. now rewrite (covariance_symmetric M i Hi k l Hk Hl), delta_sym.
Qed.
Lemma inverse i v k : (i < n)%nat -> (k < d)%nat ->
  a ^ 2 * app d (Sg i) (app d (P i) v) k + s ^ 2 * app d (P i) v k = v k.
Proof. intros Hi Hk. rewrite <- app_variance by assumption. now apply (precision M). Qed.
Lemma precision_symmetric i u v : (i < n)%nat -> dot d u (app d (P i) v) = dot d v (app d (P i) u).
Proof.
  intros Hi.
  rewrite (dot_ext d u (app d (variance i) (app d (P i) u)) _ (app d (P i) v))
    by (intros; rewrite ?(precision M); auto).
  rewrite <- dot_app_sym by now apply variance_symmetric.
  rewrite dot_sym. apply dot_ext; intros; [now apply (precision M) | reflexivity].
Qed.

(* T1. Algebra first: the conditional mean of a component, and of the mixture, from the pull. *)
Lemma center_pull i x k : (i < n)%nat -> (k < d)%nat -> a * center i x k = x k - s ^ 2 * pull i x k.
Proof.
  intros Hi Hk. unfold center. generalize (inverse i (offset i x) k Hi Hk).
  fold (pull i x). unfold offset. lra.
Qed.
Lemma denoiser_score x k : (k < d)%nat -> a * D x k = x k + s ^ 2 * score x k.
Proof.
  intros Hk. unfold D, score. rewrite <- !mean_scal.
  rewrite <- (mean_const x (x k)). rewrite <- mean_plus.
  apply mean_ext. intros i Hi. rewrite center_pull by assumption. ring.
Qed.

Section Along.
Variables x v : vec.
Let L (t : R) : vec := line x v t.

Lemma offset_line i t k : offset i (L t) k = line (offset i x) v t k.
Proof. unfold offset, L, line. ring. Qed.
Lemma pull_line i t k : pull i (L t) k = pull i x k + t * app d (P i) v k.
Proof.
  unfold pull. rewrite (app_ext d _ _ _ k (fun l _ => offset_line i t l)).
  unfold line. now rewrite app_plus, app_scal.
Qed.
Lemma form_line i t : (i < n)%nat ->
  form i (L t) = form i x + 2 * t * dot d v (pull i x) + t * t * dot d v (app d (P i) v).
Proof.
  intros Hi. unfold form.
  rewrite (dot_ext d _ (line (offset i x) v t) _ (line (pull i x) (app d (P i) v) t)).
  2: intros; apply offset_line. 2: intros; apply pull_line.
  rewrite dot_line_r. rewrite 2!(dot_sym d (line _ _ _)), 2!dot_line_r.
  rewrite (dot_sym d (pull i x) (offset i x)), (dot_sym d (pull i x) v), (dot_sym d (app d (P i) v) (offset i x)),
    (dot_sym d (app d (P i) v) v).
  rewrite (precision_symmetric i (offset i x) v Hi). fold (pull i x). ring.
Qed.
Lemma dot_pull_line i u t : dot d u (pull i (L t)) = dot d u (pull i x) + t * dot d u (app d (P i) v).
Proof.
  rewrite <- dot_scal_r, <- dot_plus_r. apply dot_ext; auto. intros; apply pull_line.
Qed.
Lemma is_derive_term i t : (i < n)%nat ->
  is_derive (fun t => term i (L t)) t (term i (L t) * - dot d v (pull i (L t))).
Proof.
  intros Hi. unfold term.
  apply (is_derive_ext (fun t => c i *
    exp (- (form i x + 2 * t * dot d v (pull i x) + t * t * dot d v (app d (P i) v)) / 2))).
  { intros u. now rewrite form_line. }
  rewrite form_line, dot_pull_line by assumption.
  auto_derive. exact I. unfold Rdiv.
  set (e := exp _). field.
Qed.
Lemma is_derive_log_density t : is_derive (fun t => ln (density (L t))) t (dot d v (score (L t))).
Proof.
  generalize (density_pos (L t)); intros Hp.
  assert (H := is_derive_rsum n (fun i t => term i (L t)) t _ (fun i Hi => is_derive_term i t Hi)).
  evar_last. apply (is_derive_comp ln (fun t : R => density (L t))). now apply is_derive_ln. exact H.
  unfold score. rewrite (mean_dot (L t) v (fun i k => - pull i (L t) k)).
  unfold mean, wmean. fold (density (L t)). unfold scal; simpl; unfold mult; simpl.
  unfold Rdiv. f_equal. apply rsum_ext. intros i Hi. f_equal.
  replace (- dot d v (pull i (L t))) with (-1 * dot d v (pull i (L t))) by ring.
  rewrite <- dot_scal_r. apply dot_ext; intros; ring.
Qed.
End Along.

Lemma at_0 x v t k : t = 0 -> line x v t k = x k.
Proof. intros ->. unfold line. ring. Qed.
Lemma pull_0 i x v k : pull i (line x v 0) k = pull i x k.
Proof. apply app_ext. intros. unfold offset. now rewrite at_0. Qed.
Lemma term_0 i x v : term i (line x v 0) = term i x.
Proof.
  unfold term, form. f_equal. f_equal. f_equal. f_equal.
  apply dot_ext; intros. unfold offset; now rewrite at_0. apply pull_0.
Qed.
Lemma mean_0 x v f : mean (line x v 0) f = mean x f.
Proof. unfold mean, wmean. f_equal; apply rsum_ext; intros; now rewrite term_0. Qed.
Lemma score_0 x v k : score (line x v 0) k = score x k.
Proof. unfold score. rewrite mean_0. apply mean_ext. intros. now rewrite pull_0. Qed.

Theorem log_density_differentiable x v t : ex_derive (fun t => ln (density (line x v t))) t.
Proof. eexists. apply is_derive_log_density. Qed.

Lemma Derive_log_density x v : Derive (fun t => ln (density (line x v t))) 0 = dot d v (score x).
Proof.
  rewrite (is_derive_unique (fun t : R => ln (density (line x v t))) 0 _ (is_derive_log_density x v 0)).
  apply dot_ext; auto. intros; apply score_0.
Qed.

Theorem tweedie_direction x v :
  a * dot d v (D x) = dot d v x + s ^ 2 * Derive (fun t => ln (density (line x v t))) 0.
Proof.
  rewrite Derive_log_density, <- !dot_scal_r, <- dot_plus_r. apply dot_ext; auto.
  intros. now apply denoiser_score.
Qed.

Theorem tweedie x k : (k < d)%nat ->
  a * D x k = x k + s ^ 2 * Derive (fun t => ln (density (line x (e_ k) t))) 0.
Proof. intros Hk. generalize (tweedie_direction x (e_ k)). now rewrite 2!dot_e by assumption. Qed.

Theorem noise_score x k : (k < d)%nat ->
  noise x k = - s * Derive (fun t => ln (density (line x (e_ k) t))) 0.
Proof.
  intros Hk. rewrite Derive_log_density, dot_e by assumption.
  unfold noise, score. rewrite <- mean_scal. apply mean_ext. intros; ring.
Qed.

(* T2. *)
Lemma is_derive_center x u v i t : (i < n)%nat ->
  is_derive (fun t => dot d u (center i (line x v t))) t (a / s ^ 2 * cov_within i u v).
Proof.
  intros Hi.
  apply (is_derive_ext (fun t : R => dot d u (center i x) + t * (a * dot d u (app d (Sg i) (app d (P i) v))))).
  { intros r. rewrite <- !dot_scal_r, <- dot_plus_r. apply dot_ext; auto. intros k Hk.
    unfold center. rewrite (app_ext d _ (pull i (line x v r)) (fun l => pull i x l + r * app d (P i) v l))
      by (intros; apply pull_line).
    rewrite app_plus, app_scal. ring. }
  auto_derive. exact I. unfold cov_within. generalize s_pos; intros. field. lra.
Qed.

Theorem jacobian x u v t :
  is_derive (fun t => dot d u (D (line x v t))) t (a / s ^ 2 * cov (line x v t) u v).
Proof.
  set (y := line x v t).
  apply (is_derive_ext (fun t => wmean n (fun i => term i (line x v t)) (fun i => dot d u (center i (line x v t))))).
  { intros r. symmetry. apply (mean_dot _ u (fun i => center i (line x v r))). }
  evar_last.
  apply (is_derive_wmean n (fun i t => term i (line x v t)) (fun i t => dot d u (center i (line x v t)))).
  - generalize (density_pos (line x v t)). unfold density. lra.
  - intros i Hi. now apply is_derive_term.
  - intros i Hi. now apply is_derive_center.
  - cbv beta. fold y. fold (mean y (fun i => a / s ^ 2 * cov_within i u v)).
    fold (mean y (fun i => - dot d v (pull i y) * dot d u (center i y))).
    fold (mean y (fun i => - dot d v (pull i y))). fold (mean y (fun i => dot d u (center i y))).
    generalize s_pos; intros Hs.
    assert (E : forall i, (i < n)%nat ->
      - dot d v (pull i y) = a / s ^ 2 * dot d v (center i y) + - / s ^ 2 * dot d v y).
    { intros i Hi. rewrite <- !dot_scal_r, <- dot_plus_r.
      replace (- dot d v (pull i y)) with (-1 * dot d v (pull i y)) by ring. rewrite <- dot_scal_r.
      apply dot_ext; auto. intros k Hk.
      apply (Rmult_eq_reg_l (s ^ 2)); [|apply pow_nonzero; lra].
      generalize (center_pull i y k Hi Hk); intros C.
      transitivity (a * center i y k - y k). lra. field. lra. }
    rewrite (mean_ext y (fun i => - dot d v (pull i y)) _ E).
    rewrite (mean_ext y (fun i => - dot d v (pull i y) * dot d u (center i y))
      (fun i => a / s ^ 2 * (dot d u (center i y) * dot d v (center i y))
                + - / s ^ 2 * dot d v y * dot d u (center i y))).
    2: intros i Hi; rewrite E by assumption; ring.
    rewrite !mean_plus, !mean_scal, mean_const. unfold cov. rewrite mean_plus.
    unfold D. rewrite (mean_dot y u (fun i => center i y)), (mean_dot y v (fun i => center i y)). ring.
Qed.

Theorem score_jacobian x u v t :
  is_derive (fun t => dot d u (line x v t) + s ^ 2 * dot d u (score (line x v t))) t
    (a ^ 2 / s ^ 2 * cov (line x v t) u v).
Proof.
  apply (is_derive_ext (fun t => a * dot d u (D (line x v t)))).
  { intros r. rewrite <- !dot_scal_r, <- dot_plus_r. apply dot_ext; auto. intros. now apply denoiser_score. }
  evar_last. apply (is_derive_scal (fun t : R => dot d u (D (line x v t)))). apply jacobian.
  generalize s_pos; intros. unfold mult; simpl. field. lra.
Qed.

Lemma cov_within_form i u v : (i < n)%nat ->
  let p := app d (P i) u in let q := app d (P i) v in
  cov_within i u v = s ^ 2 * (a ^ 2 * dot d (app d (Sg i) p) (app d (Sg i) q) + s ^ 2 * dot d p (app d (Sg i) q)).
Proof.
  intros Hi p q. unfold cov_within. fold q. f_equal.
  rewrite <- !dot_scal_l, <- dot_plus_l. apply dot_ext; auto.
  intros k Hk. symmetry. now apply inverse.
Qed.

Theorem cov_symmetric x u v : cov x u v = cov x v u.
Proof.
  unfold cov. rewrite (Rmult_comm (dot d u (D x))). f_equal. apply mean_ext. intros i Hi.
  rewrite (Rmult_comm (dot d u _)). f_equal. rewrite !cov_within_form by assumption.
  rewrite (dot_sym d (app d (Sg i) (app d (P i) u)) (app d (Sg i) (app d (P i) v))).
  rewrite (dot_app_sym d (Sg i) (app d (P i) u)) by now apply (covariance_symmetric M).
  now rewrite (dot_sym d (app d (Sg i) (app d (P i) u)) (app d (P i) v)).
Qed.

Lemma cov_spread x v :
  cov x v v = mean x (fun i => cov_within i v v + (dot d v (center i x) - dot d v (D x)) ^ 2).
Proof.
  set (e := dot d v (D x)). unfold cov. fold e.
  rewrite (mean_ext x (fun i => cov_within i v v + (dot d v (center i x) - e) ^ 2)
    (fun i => (cov_within i v v + dot d v (center i x) * dot d v (center i x))
              + ((-2 * e) * dot d v (center i x) + e ^ 2))).
  2: intros; ring.
  rewrite !mean_plus, mean_scal, mean_const.
  replace (mean x (fun i => dot d v (center i x))) with e by (unfold e, D; now rewrite mean_dot). ring.
Qed.

Theorem cov_psd x v : 0 <= cov x v v.
Proof.
  rewrite cov_spread. apply mean_nonneg. intros i Hi. apply Rplus_le_le_0_compat; [|apply pow2_ge_0].
  rewrite cov_within_form by assumption. apply Rmult_le_pos. apply pow2_ge_0.
  apply Rplus_le_le_0_compat; apply Rmult_le_pos; try apply pow2_ge_0.
  apply dot_nonneg. now apply (covariance_psd M).
Qed.

Theorem denoiser_monotone x v : 0 <= a ->
  0 <= dot d v (D (line x v 1)) - dot d v (D (line x v 0)).
Proof.
  intros Ha.
  destruct (MVT_gen (fun t => dot d v (D (line x v t))) 0 1 (fun t => a / s ^ 2 * cov (line x v t) v v))
    as [t [_ Ht]].
  - intros t _. apply jacobian.
  - intros t _. apply continuity_pt_filterlim.
    apply (ex_derive_continuous (fun t : R => dot d v (D (line x v t)))). eexists. apply jacobian.
  - rewrite Ht. generalize (cov_psd (line x v t) v) s_pos; intros Hc Hs.
    assert (0 <= a / s ^ 2).
    { apply Rmult_le_pos. assumption. left. apply Rinv_0_lt_compat, pow_lt. assumption. }
    assert (0 <= a / s ^ 2 * cov (line x v t) v v) by now apply Rmult_le_pos. lra.
Qed.
End Mixture.

(* A component of isotropic variance tau >= 0 has V = (a^2 tau + s^2) I, so a mixture of such is covered: nothing
   is left to assume but positive weights, at least one component, and s > 0. *)
Definition scalar (r : R) : mat := fun k l => r * delta k l.

Lemma app_scalar d r v k : (k < d)%nat -> app d (scalar r) v k = r * v k.
Proof.
  intros Hk. unfold app, scalar, dot. rewrite <- (rsum_delta d k v Hk), <- rsum_scal. apply rsum_ext; intros; ring.
Qed.

Theorem isotropic_mixture n d (c tau : nat -> R) a s :
  (0 < n)%nat -> 0 < s -> (forall i, (i < n)%nat -> 0 < c i) -> (forall i, (i < n)%nat -> 0 <= tau i) ->
  mixture n d c (fun i => scalar (tau i)) (fun i => scalar (/ (a ^ 2 * tau i + s ^ 2))) a s.
Proof.
  intros Hn Hs Hc Ht. split; auto.
  - intros i _ k l _ _. unfold scalar. now rewrite delta_sym.
  - intros i Hi v. rewrite (dot_ext d v v _ (fun k => tau i * v k)) by (intros; now rewrite ?app_scalar).
    rewrite dot_scal_r. apply Rmult_le_pos; auto. apply dot_nonneg.
  - intros i v k Hi Hk. rewrite app_variance, !app_scalar by assumption.
    generalize (Ht i Hi) (pow2_ge_0 a) (pow_lt s 2 Hs); intros.
    assert (0 <= a ^ 2 * tau i) by now apply Rmult_le_pos. field. lra.
Qed.
