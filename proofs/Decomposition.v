(* T4 and T6 for components of any covariance: the law of x0 given x is the mixture of the components' posteriors, each with its mean
   [center] and its covariance [cov_within] (T1, Conjugacy.v), and the denoiser's error is taken under it.

   T4. second_moment: E[|q - x0|^2 | x] = |q - D(x)|^2 + tr Cov[x0 | x], for every prediction q; second_moment_mean: under every linear
       average over x.
   T6. spread_form: where the components' posterior means lie in a ball of radius R and their posterior variances are at most w,
       0 <= v . (grad D) v <= (a/s^2) (w + R^2) |v|^2;
       variance_form, variance_lipschitz: components N(mu_i, tau I) with means in a ball of radius R: with V = a^2 tau + s^2 the constant is
       a tau/V + a s^2 R^2/V^2, everywhere. With tau = 0 it is that of Relations.v. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums Tweedie.
Open Scope R_scope.

Section General.
Variables n d : nat.
Variable c : nat -> R.
Variable mu : nat -> vec.
Variable Sg P : nat -> mat.
Variables a s : R.
Hypothesis M : mixture n d c Sg P a s.
Notation mean := (mean n d c mu P a).
Notation center := (center d mu Sg P a).
Notation D := (D n d c mu Sg P a).
Notation cov := (cov n d c mu Sg P a s).
Notation within := (cov_within d Sg P s).

(* E[|q - x0|^2 | x], a coordinate at a time: the second moment of a component about q is its variance and the square of its mean's distance. *)
Definition loss (x q : vec) : R :=
  mean x (fun i => rsum d (fun k => within i (e_ k) (e_ k) + (q k - center i x k) * (q k - center i x k))).
Definition trace_cov (x : vec) : R := rsum d (fun k => cov x (e_ k) (e_ k)).

Lemma mean_rsum x m (f : nat -> nat -> R) : mean x (fun i => rsum m (fun k => f i k)) = rsum m (fun k => mean x (fun i => f i k)).
Proof.
  induction m as [|m IH]; simpl. apply (mean_const n d c mu Sg P a s M).
  rewrite (mean_plus n d c mu P a), IH. reflexivity.
Qed.

Theorem second_moment x q : loss x q = dot d (fun k => q k - D x k) (fun k => q k - D x k) + trace_cov x.
Proof.
  unfold loss, trace_cov, dot. rewrite mean_rsum, <- rsum_plus. apply rsum_ext. intros k Hk. unfold Tweedie.cov.
  rewrite (dot_e d k (D x)) by assumption.
  rewrite (mean_ext n d c mu P a x _ (fun i => (within i (e_ k) (e_ k) + dot d (e_ k) (center i x) * dot d (e_ k) (center i x))
    + (q k * q k + (-2 * q k) * center i x k))) by (intros; rewrite !dot_e by assumption; ring).
  rewrite !(mean_plus n d c mu P a x (fun i => within i _ _ + _)), (mean_plus n d c mu P a x (fun _ => q k * q k)),
    (mean_scal n d c mu P a x (-2 * q k)), (mean_const n d c mu Sg P a s M x (q k * q k)).
  change (mean x (fun i => center i x k)) with (D x k). ring.
Qed.

Theorem second_moment_mean (E : (vec -> R) -> R) (q : vec -> vec) :
  (forall f g, (forall x, f x = g x) -> E f = E g) -> (forall f g, E (fun x => f x + g x) = E f + E g) ->
  E (fun x => loss x (q x)) = E (fun x => dot d (fun k => q x k - D x k) (fun k => q x k - D x k)) + E trace_cov.
Proof. intros He Hp. rewrite <- Hp. apply He. intros; apply second_moment. Qed.

(* Bilinear, so that the form bounds the derivative. *)
Lemma cov_line x u v w t : cov x u (line v w t) = cov x u v + t * cov x u w.
Proof.
  unfold Tweedie.cov. rewrite !(dot_sym d (line v w t)), !dot_line_r.
  rewrite (mean_ext n d c mu P a x _ (fun i => (within i u v + dot d u (center i x) * dot d v (center i x))
    + t * (within i u w + dot d u (center i x) * dot d w (center i x)))).
  - rewrite (mean_plus n d c mu P a), (mean_scal n d c mu P a x t). rewrite !(dot_sym d (D x)). ring.
  - intros i Hi. rewrite (dot_sym d (line v w t)), dot_line_r, !(dot_sym d (center i x)).
    assert (W : within i u (line v w t) = within i u v + t * within i u w).
    { unfold cov_within.
      rewrite (dot_ext d u u (app d (Sg i) (app d (P i) (line v w t)))
        (fun k => app d (Sg i) (app d (P i) v) k + t * app d (Sg i) (app d (P i) w) k)); auto.
      - rewrite dot_plus_r, dot_scal_r. ring.
      - intros k _. rewrite <- app_scal, <- app_plus. apply app_ext. intros l _. rewrite <- app_scal, <- app_plus. reflexivity. }
    rewrite W. ring.
Qed.
Lemma cov_square x u v t : cov x (line u v t) (line u v t) = cov x u u + 2 * t * cov x u v + t * t * cov x v v.
Proof.
  rewrite cov_line, !(cov_symmetric n d c mu Sg P a s M x (line u v t)), !cov_line, (cov_symmetric n d c mu Sg P a s M x v u). ring.
Qed.

Lemma cauchy_schwarz u v : dot d u v * dot d u v <= dot d u u * dot d v v.
Proof.
  apply cauchy_schwarz_form; try apply dot_nonneg. intros t.
  replace (_ + _) with (dot d (line u v t) (line u v t)). apply dot_nonneg.
  rewrite dot_line_r, 2!(dot_sym d (line u v t)), 2!dot_line_r, (dot_sym d v u). ring.
Qed.

Lemma cov_bound x v (z : vec) R0 w : (forall i, (i < n)%nat -> dot d (fun k => center i x k - z k) (fun k => center i x k - z k) <= R0 ^ 2) ->
  (forall i, (i < n)%nat -> within i v v <= w * dot d v v) -> cov x v v <= (w + R0 ^ 2) * dot d v v.
Proof.
  intros Hb Hw. set (e := dot d v (D x)). set (b := dot d v z).
  assert (Em : mean x (fun i => dot d v (center i x)) = e) by (symmetry; apply (mean_dot n d c mu P a x v (fun i => center i x))).
  assert (E : mean x (fun i => within i v v + (dot d v (center i x) - b) ^ 2) = cov x v v + (e - b) ^ 2).
  { unfold Tweedie.cov. fold e.
    rewrite (mean_ext n d c mu P a x _ (fun i => (within i v v + dot d v (center i x) * dot d v (center i x)) + ((-2 * b) * dot d v (center i x) + b ^ 2)))
      by (intros; ring).
    rewrite (mean_plus n d c mu P a x (fun i => within i v v + _)), (mean_plus n d c mu P a x (fun i => -2 * b * _)), (mean_scal n d c mu P a x (-2 * b)),
      (mean_const n d c mu Sg P a s M x (b ^ 2)), Em. ring. }
  assert (0 <= mean x (fun i => (w + R0 ^ 2) * dot d v v + -1 * (within i v v + (dot d v (center i x) - b) ^ 2))).
  { apply (mean_nonneg n d c mu Sg P a s M). intros i Hi. specialize (Hb i Hi). specialize (Hw i Hi).
    assert (CS := cauchy_schwarz v (fun k => center i x k - z k)). rewrite dot_minus_r in CS. fold b in CS.
    assert (V := dot_nonneg d v). apply (Rmult_le_compat_l _ _ _ V) in Hb. simpl in *. lra. }
  rewrite (mean_plus n d c mu P a), (mean_scal n d c mu P a x (-1)), (mean_const n d c mu Sg P a s M x), E in H. generalize (pow2_ge_0 (e - b)). lra.
Qed.

Hypothesis a_pos : 0 <= a.
Lemma factor_pos : 0 <= a / s ^ 2.
Proof. apply Rmult_le_pos. assumption. left. apply Rinv_0_lt_compat, pow_lt. exact (noise_level _ _ _ _ _ _ _ M). Qed.

Theorem spread_form x v t (z : vec) R0 w : let y := line x v t in
  (forall i, (i < n)%nat -> dot d (fun k => center i y k - z k) (fun k => center i y k - z k) <= R0 ^ 2) ->
  (forall i, (i < n)%nat -> within i v v <= w * dot d v v) ->
  is_derive (fun t => dot d v (D (line x v t))) t (a / s ^ 2 * cov y v v)
  /\ 0 <= a / s ^ 2 * cov y v v <= a / s ^ 2 * (w + R0 ^ 2) * dot d v v.
Proof.
  intros y Hb Hw. assert (F := factor_pos). split. apply (jacobian n d c mu Sg P a s M). split.
  - apply Rmult_le_pos. assumption. apply (cov_psd n d c mu Sg P a s M).
  - rewrite Rmult_assoc. apply Rmult_le_compat_l. assumption. now apply cov_bound with (z := z).
Qed.

(* A bound of the form everywhere is a Lipschitz constant. *)
Lemma form_lipschitz B : 0 <= B -> (forall y v, cov y v v <= B * dot d v v) -> forall x v,
  let g := fun k => D (line x v 1) k - D (line x v 0) k in dot d g g <= (a / s ^ 2 * B) ^ 2 * dot d v v.
Proof.
  intros HB Hform x v g.
  destruct (MVT_gen (fun t => dot d g (D (line x v t))) 0 1 (fun t => a / s ^ 2 * cov (line x v t) g v)) as [t [_ Ht]].
  - intros t _. apply (jacobian n d c mu Sg P a s M).
  - intros t _. apply continuity_pt_filterlim.
    apply (ex_derive_continuous (fun t : R => dot d g (D (line x v t)))). eexists. apply (jacobian n d c mu Sg P a s M).
  - assert (Eg : dot d g g = a / s ^ 2 * cov (line x v t) g v) by (unfold g at 2; rewrite dot_minus_r, Ht; ring).
    set (y := line x v t) in *. assert (Hk := factor_pos). set (k := a / s ^ 2) in *.
    assert (CS : cov y g v * cov y g v <= cov y g g * cov y v v).
    { apply cauchy_schwarz_form; try apply (cov_psd n d c mu Sg P a s M). intros r. rewrite <- cov_square. apply (cov_psd n d c mu Sg P a s M). }
    assert (B1 := Hform y g). assert (B2 := Hform y v).
    assert (P1 := cov_psd n d c mu Sg P a s M y g). assert (P2 := cov_psd n d c mu Sg P a s M y v).
    assert (G := dot_nonneg d g). assert (V := dot_nonneg d v). set (G2 := dot d g g) in *. set (V2 := dot d v v) in *.
    assert (Hsq : G2 * G2 <= (k * B) ^ 2 * G2 * V2).
    { rewrite Eg at 1 2. replace ((k * B) ^ 2 * G2 * V2) with (k * k * ((B * G2) * (B * V2))) by ring.
      replace (k * cov y g v * (k * cov y g v)) with (k * k * (cov y g v * cov y g v)) by ring.
      apply Rmult_le_compat_l. now apply Rmult_le_pos. apply Rle_trans with (1 := CS). now apply Rmult_le_compat. }
    destruct (Req_dec G2 0) as [E0|E0].
    + rewrite E0. apply Rmult_le_pos. apply pow2_ge_0. assumption.
    + apply (Rmult_le_reg_l G2). lra. lra.
Qed.
End General.

(* One isotropic variance for all components. *)
Section Common.
Variables n d : nat.
Variable c : nat -> R.
Variable mu : nat -> vec.
Variables a s tau R0 : R.
Variable z : vec.
Hypothesis Hn : (0 < n)%nat.
Hypothesis Hs : 0 < s.
Hypothesis Ha : 0 <= a.
Hypothesis Ht : 0 <= tau.
Hypothesis Hc : forall i, (i < n)%nat -> 0 < c i.
Hypothesis ball : forall i, (i < n)%nat -> dot d (fun k => mu i k - z k) (fun k => mu i k - z k) <= R0 ^ 2.
Let V : R := a ^ 2 * tau + s ^ 2.
Let Sg (i : nat) : mat := scalar tau.
Let P (i : nat) : mat := scalar (/ V).
Lemma V_pos : 0 < V.
Proof. unfold V. assert (0 <= a ^ 2 * tau) by (apply Rmult_le_pos; [apply pow2_ge_0|assumption]). generalize (pow_lt s 2 Hs). lra. Qed.
Lemma M : mixture n d c Sg P a s.
Proof. apply (isotropic_mixture n d c (fun _ => tau)); auto. Qed.

Lemma common_bound y v : cov n d c mu Sg P a s y v v <= (s ^ 2 * tau / V + (s ^ 2 / V * R0) ^ 2) * dot d v v.
Proof.
  assert (Vp := V_pos). apply (cov_bound n d c mu Sg P a s M y v (fun k => s ^ 2 / V * z k + a * tau / V * y k)).
  - intros i Hi. rewrite (dot_ext d _ (fun k => s ^ 2 / V * (mu i k - z k)) _ (fun k => s ^ 2 / V * (mu i k - z k))).
    + rewrite dot_scal_r, dot_scal_l. replace ((s ^ 2 / V * R0) ^ 2) with (s ^ 2 / V * (s ^ 2 / V * R0 ^ 2)) by ring.
      assert (0 <= s ^ 2 / V) by (apply Rmult_le_pos; [apply pow2_ge_0|left; now apply Rinv_0_lt_compat]).
      apply Rmult_le_compat_l. assumption. apply Rmult_le_compat_l. assumption. now apply ball.
    + intros k Hk. unfold center, pull, Sg, P. rewrite !app_scalar by assumption. unfold offset. unfold V. field. apply Rgt_not_eq, V_pos.
    + intros k Hk. unfold center, pull, Sg, P. rewrite !app_scalar by assumption. unfold offset. unfold V. field. apply Rgt_not_eq, V_pos.
  - intros i Hi. unfold cov_within, Sg, P. rewrite (dot_ext d v v _ (fun k => tau / V * v k)).
    + rewrite dot_scal_r. apply Req_le. unfold Rdiv. ring.
    + auto.
    + intros k Hk. rewrite !app_scalar by assumption. unfold Rdiv. ring.
Qed.

Definition constant : R := a * tau / V + a * s ^ 2 * R0 ^ 2 / V ^ 2.
Lemma constant_is : a / s ^ 2 * (s ^ 2 * tau / V + (s ^ 2 / V * R0) ^ 2) = constant.
Proof. unfold constant. assert (Vp := V_pos). field. lra. Qed.

Theorem variance_form x v t : is_derive (fun t => dot d v (D n d c mu Sg P a (line x v t))) t (a / s ^ 2 * cov n d c mu Sg P a s (line x v t) v v)
  /\ 0 <= a / s ^ 2 * cov n d c mu Sg P a s (line x v t) v v <= constant * dot d v v.
Proof.
  assert (F := factor_pos n d c Sg P a s M Ha). split. apply (jacobian n d c mu Sg P a s M). split.
  - apply Rmult_le_pos. assumption. apply (cov_psd n d c mu Sg P a s M).
  - rewrite <- constant_is, Rmult_assoc. apply Rmult_le_compat_l. assumption. apply common_bound.
Qed.
Theorem variance_lipschitz x v : let g := fun k => D n d c mu Sg P a (line x v 1) k - D n d c mu Sg P a (line x v 0) k in
  dot d g g <= constant ^ 2 * dot d v v.
Proof.
  rewrite <- constant_is. apply (form_lipschitz n d c mu Sg P a s M Ha).
  - assert (Vp := V_pos). assert (0 <= s ^ 2 * tau / V).
    { apply Rmult_le_pos. apply Rmult_le_pos. apply pow2_ge_0. assumption. left. now apply Rinv_0_lt_compat. }
    generalize (pow2_ge_0 (s ^ 2 / V * R0)). lra.
  - intros. apply common_bound.
Qed.
End Common.
