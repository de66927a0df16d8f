(* The denoiser of Tweedie.v is the posterior mean, and not so by definition.

   A component N(m, B B^T), degenerate ones included, is m + B z with z standard normal in some dimension r. The joint
   density of (z, x) is a constant times exp(-energy/2), energy = |z|^2 + |x - a(m + B z)|^2 / s^2.
     conjugacy            energy(z, x) = (x - am) . P (x - am) + post(z - zhat(x)), where post(e) = |e|^2 + a^2|B e|^2/s^2
                          does not depend on x and is even: given x, z is Gaussian around zhat(x);
     posterior_center     m + B zhat(x) is the centre of Tweedie.v;
     posterior_precision  s^2 Sg P u = B t for the t with (I + (a^2/s^2) B^T B) t = B^T u: cov_within of Tweedie.v is
                          B (inverse of the matrix of post) B^T;
     posterior_mean_component, posterior_mean   for every integral, that is every linear functional Int on functions of
                          z that is unchanged when z is shifted or reflected: the mean of x0 under the joint density
                          at x is the denoiser. For the mixture Z i = Int exp(-post i/2) is the factor that the weights
                          c i hold. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums Tweedie.
Open Scope R_scope.

Section Component.
Variables d r : nat.
Variable m : vec.
Variables B P : mat.                       (* B has d rows and r columns *)
Variables a s : R.
Definition square : mat := fun k l => rsum r (fun j => B k j * B l j).
Definition transpose : mat := fun j k => B k j.
Hypothesis Hs : 0 < s.
Hypothesis HP : forall v k, (k < d)%nat ->
  a ^ 2 * app d square (app d P v) k + s ^ 2 * app d P v k = v k.

Definition energy (z x : vec) : R :=
  dot r z z + dot d (fun k => x k - a * (m k + app r B z k)) (fun k => x k - a * (m k + app r B z k)) / s ^ 2.
Definition post (e : vec) : R := dot r e e + a ^ 2 * dot d (app r B e) (app r B e) / s ^ 2.
Definition off (x : vec) : vec := fun k => x k - a * m k.
Definition zhat (x : vec) : vec := fun j => a * app d transpose (app d P (off x)) j.

Lemma app_square v k : app d square v k = app r B (app d transpose v) k.
Proof.
  unfold app, square, transpose, dot.
  rewrite (rsum_ext d _ (fun l => rsum r (fun j => B k j * (B l j * v l)))).
  2: { intros. rewrite <- rsum_scal_r. apply rsum_ext; intros; ring. }
  rewrite rsum_swap. apply rsum_ext. intros j _. now rewrite rsum_scal.
Qed.

Lemma square_symmetric : symmetric d square.
Proof. intros k l _ _. apply rsum_ext. intros; ring. Qed.
Lemma square_psd : psd d square.
Proof.
  intros v. rewrite (dot_ext d v v _ (app r B (app d transpose v))) by (auto; intros; apply app_square).
  rewrite dot_app. apply dot_nonneg.
Qed.

Theorem posterior_center x k : m k + app r B (zhat x) k = m k + a * app d square (app d P (off x)) k.
Proof. unfold zhat. now rewrite app_scal, app_square. Qed.

Theorem conjugacy z x :
  energy z x = dot d (off x) (app d P (off x)) + post (fun j => z j - zhat x j).
Proof.
  set (w := off x). set (p := app d P w). set (t := app d transpose p).
  set (e := fun j => z j - zhat x j). set (be := app r B e).
  assert (Hw : forall k, (k < d)%nat -> w k = a ^ 2 * app r B t k + s ^ 2 * p k).
  { intros k Hk. rewrite <- (HP w k Hk) at 1. fold p. now rewrite app_square. }
  assert (Hr : forall k, (k < d)%nat -> x k - a * (m k + app r B z k) = s ^ 2 * p k - a * be k).
  { intros k Hk. assert (Ez : app r B z k = be k + a * app r B t k).
    { unfold be, e, zhat. rewrite app_minus, app_scal. fold w p t. ring. }
    rewrite Ez. generalize (Hw k Hk). unfold w, off. intros. lra. }
  assert (Ez : dot r z z = dot r e e + 2 * a * dot r t e + a ^ 2 * dot r t t).
  { rewrite (dot_ext r z (fun j => e j + a * t j) z (fun j => e j + a * t j)) by (intros; unfold e, zhat; fold w p t; ring).
    rewrite dot_plus_l, !dot_plus_r, !dot_scal_l, !dot_scal_r, (dot_sym r e t). ring. }
  assert (Et : dot r t e = dot d p be).
  { unfold be. rewrite dot_app. apply dot_sym. }
  assert (Ett : dot r t t = dot d p (app r B t)).
  { rewrite dot_app. reflexivity. }
  unfold energy, post. fold be.
  rewrite (dot_ext d _ (fun k => s ^ 2 * p k - a * be k) _ (fun k => s ^ 2 * p k - a * be k)) by exact Hr.
  rewrite dot_minus_l, !dot_minus_r, !dot_scal_l, !dot_scal_r, (dot_sym d be p), Ez, Et, Ett.
  rewrite (dot_ext d w (fun k => a ^ 2 * app r B t k + s ^ 2 * p k) p p) by auto.
  rewrite dot_plus_l, !dot_scal_l, (dot_sym d (app r B t)). field. lra.
Qed.

Theorem posterior_precision u j : (j < r)%nat ->
  let t := fun i => s ^ 2 * app d transpose (app d P u) i in
  t j + a ^ 2 / s ^ 2 * app d transpose (app r B t) j = app d transpose u j
  /\ forall k, s ^ 2 * app d square (app d P u) k = app r B t k.
Proof.
  intros Hj t. split.
  - assert (E1 : app d transpose u j = a ^ 2 * app d transpose (app d square (app d P u)) j
      + s ^ 2 * app d transpose (app d P u) j).
    { rewrite (app_ext d transpose u (fun k => a ^ 2 * app d square (app d P u) k + s ^ 2 * app d P u k) j)
        by (intros; now rewrite HP).
      now rewrite app_plus, !app_scal. }
    assert (E2 : app d transpose (app r B t) j = s ^ 2 * app d transpose (app d square (app d P u)) j).
    { rewrite (app_ext d transpose (app r B t) (fun k => s ^ 2 * app d square (app d P u) k) j)
        by (intros; unfold t; now rewrite app_scal, app_square).
      now rewrite app_scal. }
    rewrite E1, E2. unfold t. field. lra.
  - intros k. unfold t. now rewrite app_scal, app_square.
Qed.

Lemma post_even e e' : (forall j, (j < r)%nat -> e' j = - e j) -> post e' = post e.
Proof.
  intros H. unfold post.
  assert (E : forall k, app r B e' k = -1 * app r B e k).
  { intros k. rewrite <- app_scal. apply app_ext. intros j Hj. rewrite H by assumption. ring. }
  f_equal.
  - apply rsum_ext. intros j Hj. rewrite H by assumption. ring.
  - f_equal. f_equal. apply rsum_ext. intros k _. rewrite !E. ring.
Qed.

(* An integral over z. *)
Record integral (Int : (vec -> R) -> R) : Prop := {
  int_ext : forall f g, (forall z, f z = g z) -> Int f = Int g;
  int_plus : forall f g, Int (fun z => f z + g z) = Int f + Int g;
  int_scal : forall b f, Int (fun z => b * f z) = b * Int f;
  int_shift : forall w f, Int (fun z => f (fun j => z j - w j)) = Int f;
  int_reflect : forall f, Int (fun z => f (fun j => - z j)) = Int f }.

Definition mass (Int : (vec -> R) -> R) : R := Int (fun e => exp (- post e / 2)).

Lemma joint_mass Int x : integral Int ->
  Int (fun z => exp (- energy z x / 2)) = exp (- dot d (off x) (app d P (off x)) / 2) * mass Int.
Proof.
  intros I. unfold mass. rewrite <- (int_shift _ I (zhat x) (fun e : vec => exp (- post e / 2))), <- (int_scal _ I). apply (int_ext _ I). intros z.
  rewrite conjugacy, <- exp_plus. f_equal. lra.
Qed.

Theorem posterior_mean_component Int x k : integral Int -> (k < d)%nat ->
  Int (fun z => (m k + app r B z k) * exp (- energy z x / 2))
  = (m k + app r B (zhat x) k) * Int (fun z => exp (- energy z x / 2)).
Proof.
  intros I Hk. set (q := exp (- dot d (off x) (app d P (off x)) / 2)).
  set (odd := fun e => app r B e k * exp (- post e / 2)).
  assert (Z : Int odd = 0).
  { assert (Int odd = -1 * Int odd).
    { rewrite <- (int_scal _ I), <- (int_reflect _ I odd). apply (int_ext _ I). intros e. unfold odd.
      rewrite (post_even e (fun j => - e j)) by auto.
      rewrite (app_ext r B (fun j => - e j) (fun j => -1 * e j)) by (intros; ring). rewrite app_scal. ring. }
    lra. }
  transitivity (Int (fun z => (m k + app r B (zhat x) k) * exp (- energy z x / 2)
                              + q * odd (fun j => z j - zhat x j))).
  - apply (int_ext _ I). intros z. rewrite conjugacy. unfold q, odd. rewrite app_minus.
    replace (- (dot d (off x) (app d P (off x)) + post (fun j => z j - zhat x j)) / 2)
      with (- dot d (off x) (app d P (off x)) / 2 + - post (fun j => z j - zhat x j) / 2) by field.
    rewrite exp_plus. ring.
  - rewrite (int_plus _ I), !(int_scal _ I), (int_shift _ I (zhat x) odd), Z. ring.
Qed.
End Component.

(* The mixture: w i > 0 are the weights with every factor of the densities in them that depends on neither z nor x. *)
Theorem posterior_mean n d r (w : nat -> R) (mu : nat -> vec) (B P : nat -> mat) a s Int x k :
  let Sg i := square r (B i) in
  let c i := w i * mass d r (B i) a s Int in
  mixture n d c Sg P a s -> integral Int -> (k < d)%nat ->
  rsum n (fun i => w i * Int (fun z => (mu i k + app r (B i) z k) * exp (- energy d r (mu i) (B i) a s z x / 2)))
  / rsum n (fun i => w i * Int (fun z => exp (- energy d r (mu i) (B i) a s z x / 2)))
  = D n d c mu Sg P a x k.
Proof.
  intros Sg c M I Hk. assert (Hs := noise_level _ _ _ _ _ _ _ M).
  assert (HP : forall i, (i < n)%nat -> forall v k, (k < d)%nat ->
    a ^ 2 * app d (square r (B i)) (app d (P i) v) k + s ^ 2 * app d (P i) v k = v k).
  { intros i Hi v l Hl. exact (inverse n d c Sg P a s M i v l Hi Hl). }
  unfold D, mean, wmean. f_equal; apply rsum_ext; intros i Hi.
  - rewrite (posterior_mean_component d r (mu i) (B i) (P i) a s Hs (HP i Hi)) by assumption.
    rewrite (joint_mass d r (mu i) (B i) (P i) a s Hs (HP i Hi)) by assumption.
    rewrite (posterior_center d r (mu i) (B i) (P i) a). unfold term, c, center, form, pull, offset, off, Sg. ring.
  - rewrite (joint_mass d r (mu i) (B i) (P i) a s Hs (HP i Hi)) by assumption.
    unfold term, c, form, pull, offset, off. ring.
Qed.
