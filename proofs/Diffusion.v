(* T7: the Fokker-Planck equation of a mixture of isotropic Gaussians along any path of channels.

   Component i has mean mu i and variance tau i >= 0 (a point mass among them); through the channel (a, s) it has mean
   a mu i and variance v = a^2 tau i + s^2, and its density is w_i v^(-d/2) exp(-|x - a mu_i|^2/(2 v)), the factor (2 pi)^(-d/2)
   being in the weights. Along a differentiable path (a(t), s(t)) with s > 0 and a <> 0
     fokker_planck   dp/dt = -(a'/a) div(x p) + (s s' - (a'/a) s^2) Lap p,   div(x p) = d p + sum_k x_k dp/dx_k;
     heat            for a = 1 and s = sigma: dp/dsigma = sigma Lap p.
   Lap p is the sum of the second derivatives along the coordinates. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums.
Open Scope R_scope.

Section Mixture.
Variables n d : nat.
Variables w tau : nat -> R.
Variable mu : nat -> vec.
Hypothesis tau_nonneg : forall i, (i < n)%nat -> 0 <= tau i.

Definition variance (a s : R) (i : nat) : R := a ^ 2 * tau i + s ^ 2.
Definition distance (a : R) (i : nat) (x : vec) : R := dot d (fun k => x k - a * mu i k) (fun k => x k - a * mu i k).
Definition component (a s : R) (i : nat) (x : vec) : R :=
  w i * exp (- (INR d / 2) * ln (variance a s i) - distance a i x / (2 * variance a s i)).
Definition density (a s : R) (x : vec) : R := rsum n (fun i => component a s i x).

Lemma variance_pos a s i : 0 < s -> (i < n)%nat -> 0 < variance a s i.
Proof.
  intros Hs Hi. generalize (pow_lt s 2 Hs) (Rmult_le_pos _ _ (pow2_ge_0 a) (tau_nonneg i Hi)). unfold variance. lra.
Qed.

Lemma distance_line a i x k t : (k < d)%nat ->
  distance a i (line x (e_ k) t) = distance a i x + 2 * t * (x k - a * mu i k) + t * t.
Proof.
  intros Hk. unfold distance. set (z := fun k => x k - a * mu i k).
  rewrite (dot_ext d _ (line z (e_ k) t) _ (line z (e_ k) t)) by (intros; unfold z, line; ring).
  rewrite dot_line_r, 2!(dot_sym d (line _ _ _)), 2!dot_line_r, dot_sym with (u := z) (v := e_ k), !dot_e by assumption.
  unfold z, e_, delta. rewrite Nat.eqb_refl. ring.
Qed.

(* The first and the second derivative along a coordinate. *)
Section Coordinate.
Variables (a s : R) (x : vec) (k : nat).
Hypothesis Hs : 0 < s.
Hypothesis Hk : (k < d)%nat.
Let slope (i : nat) (t : R) : R := - (x k - a * mu i k + t) / variance a s i.

Lemma first i t : (i < n)%nat ->
  is_derive (fun t => component a s i (line x (e_ k) t)) t (component a s i (line x (e_ k) t) * slope i t).
Proof.
  intros Hi. assert (V := variance_pos a s i Hs Hi). unfold component.
  apply (is_derive_ext (fun t => w i * exp (- (INR d / 2) * ln (variance a s i)
    - (distance a i x + 2 * t * (x k - a * mu i k) + t * t) / (2 * variance a s i)))).
  { intros r. now rewrite distance_line. }
  rewrite distance_line by assumption. unfold slope. set (v := variance a s i) in *. set (c := - (INR d / 2) * ln v).
  auto_derive. exact I. unfold Rminus. set (e := exp _). field. lra.
Qed.
Lemma second i t : (i < n)%nat ->
  is_derive (fun t => component a s i (line x (e_ k) t) * slope i t) t
    (component a s i (line x (e_ k) t) * (slope i t ^ 2 - / variance a s i)).
Proof.
  intros Hi. assert (V := variance_pos a s i Hs Hi). evar_last.
  apply (is_derive_mult (fun t => component a s i (line x (e_ k) t)) (slope i)). now apply first.
  - unfold slope. auto_derive. exact I. reflexivity.
  - intros; apply Rmult_comm.
  - unfold plus, mult; simpl. unfold slope. field. lra.
Qed.

Lemma density_first t : is_derive (fun t => density a s (line x (e_ k) t)) t
  (rsum n (fun i => component a s i (line x (e_ k) t) * slope i t)).
Proof. apply (is_derive_rsum n (fun i t => component a s i (line x (e_ k) t))). intros; now apply first. Qed.
Lemma density_second t : Derive_n (fun t => density a s (line x (e_ k) t)) 2 t
  = rsum n (fun i => component a s i (line x (e_ k) t) * (slope i t ^ 2 - / variance a s i)).
Proof.
  simpl. rewrite (Derive_ext _ (fun t => rsum n (fun i => component a s i (line x (e_ k) t) * slope i t))).
  - apply is_derive_unique. apply (is_derive_rsum n (fun i t => component a s i (line x (e_ k) t) * slope i t)).
    intros; now apply second.
  - intros r. apply is_derive_unique. apply density_first.
Qed.
End Coordinate.

Definition laplacian (a s : R) (x : vec) : R := rsum d (fun k => Derive_n (fun t => density a s (line x (e_ k) t)) 2 0).
Definition divergence (a s : R) (x : vec) : R :=
  INR d * density a s x + rsum d (fun k => x k * Derive (fun t => density a s (line x (e_ k) t)) 0).

Lemma component_0 a s i x k : component a s i (line x (e_ k) 0) = component a s i x.
Proof.
  unfold component, distance. do 4 f_equal. apply dot_ext; intros; unfold line; ring.
Qed.
Lemma rsum_const m c : rsum m (fun _ => c) = INR m * c.
Proof. induction m as [|m IH]. simpl. ring. rewrite S_INR. simpl rsum. rewrite IH. ring. Qed.

Lemma laplacian_is a s x : 0 < s -> laplacian a s x
  = rsum n (fun i => component a s i x * (distance a i x / variance a s i ^ 2 - INR d / variance a s i)).
Proof.
  intros Hs. unfold laplacian.
  rewrite (rsum_ext d _ (fun k => rsum n (fun i => component a s i x
    * ((x k - a * mu i k) * (x k - a * mu i k) * / variance a s i ^ 2 - / variance a s i)))).
  2: { intros k Hk. rewrite density_second by assumption. apply rsum_ext. intros i Hi. rewrite component_0.
       assert (V := variance_pos a s i Hs Hi). f_equal. field. lra. }
  rewrite rsum_swap. apply rsum_ext. intros i Hi. rewrite rsum_scal. f_equal.
  rewrite rsum_minus, rsum_const, rsum_scal_r. reflexivity.
Qed.

Lemma divergence_is a s x : 0 < s -> divergence a s x
  = rsum n (fun i => component a s i x * (INR d - dot d x (fun k => x k - a * mu i k) / variance a s i)).
Proof.
  intros Hs. unfold divergence, density at 1. rewrite <- rsum_scal.
  rewrite (rsum_ext d _ (fun k => rsum n (fun i => component a s i x * (- / variance a s i * (x k * (x k - a * mu i k)))))).
  2: { intros k Hk. rewrite (is_derive_unique (fun t : R => density a s (line x (e_ k) t)) 0 _ (density_first a s x k Hs Hk 0)). rewrite <- rsum_scal.
       apply rsum_ext. intros i Hi. rewrite component_0. assert (V := variance_pos a s i Hs Hi). field. lra. }
  rewrite rsum_swap, <- rsum_plus. apply rsum_ext. intros i Hi. rewrite rsum_scal, rsum_scal. unfold dot, Rdiv. ring.
Qed.

Theorem fokker_planck (a s : R -> R) (da ds t : R) (x : vec) :
  is_derive a t da -> is_derive s t ds -> 0 < s t -> a t <> 0 ->
  is_derive (fun t => density (a t) (s t) x) t
    (- (da / a t) * divergence (a t) (s t) x + (s t * ds - da / a t * s t ^ 2) * laplacian (a t) (s t) x).
Proof.
  intros Ha Hds Hs H0. rewrite divergence_is, laplacian_is by assumption.
  rewrite <- !rsum_scal, <- rsum_plus. unfold density.
  apply (is_derive_rsum n (fun i t => component (a t) (s t) i x)). intros i Hi.
  assert (V := variance_pos (a t) (s t) i Hs Hi).
  assert (Dv : is_derive (fun t => variance (a t) (s t) i) t (2 * a t * da * tau i + 2 * s t * ds)).
  { unfold variance. auto_derive. repeat split; eexists; [exact Ha|exact Hds].
    rewrite (is_derive_unique (fun t : R => a t) t da Ha), (is_derive_unique (fun t : R => s t) t ds Hds). ring. }
  assert (Dd : is_derive (fun t => distance (a t) i x) t (rsum d (fun k => -2 * da * (mu i k * (x k - a t * mu i k))))).
  { unfold distance, dot. apply (is_derive_rsum d (fun k t => (x k - a t * mu i k) * (x k - a t * mu i k))). intros k Hk.
    auto_derive. repeat split; eexists; exact Ha. rewrite (is_derive_unique (fun t : R => a t) t da Ha). ring. }
  rewrite rsum_scal in Dd.
  assert (Dm : dot d x (fun k => x k - a t * mu i k)
    = distance (a t) i x + a t * rsum d (fun k => mu i k * (x k - a t * mu i k))).
  { unfold distance, dot. rewrite <- rsum_scal, <- rsum_plus. apply rsum_ext. intros; ring. }
  rewrite Dm. set (m := rsum d (fun k => mu i k * (x k - a t * mu i k))) in *.
  unfold component. evar_last.
  - apply (is_derive_scal (fun t => exp (- (INR d / 2) * ln (variance (a t) (s t) i) - distance (a t) i x / (2 * variance (a t) (s t) i)))).
    apply (is_derive_comp exp (fun t => - (INR d / 2) * ln (variance (a t) (s t) i) - distance (a t) i x / (2 * variance (a t) (s t) i))).
    apply is_derive_exp. apply (is_derive_minus (fun t => - (INR d / 2) * ln (variance (a t) (s t) i))).
    apply (is_derive_scal (fun t => ln (variance (a t) (s t) i))). apply (is_derive_comp ln (fun t => variance (a t) (s t) i)).
    apply is_derive_ln; assumption. exact Dv.
    apply (is_derive_div (fun t => distance (a t) i x) (fun t => 2 * variance (a t) (s t) i)). exact Dd.
    apply (is_derive_scal (fun t => variance (a t) (s t) i)). exact Dv. lra.
  - unfold minus, plus, opp, scal; simpl; unfold mult; simpl.
    set (e := exp _). assert (Ev : s t * s t = variance (a t) (s t) i - a t * a t * tau i) by (unfold variance; ring).
    set (v := variance (a t) (s t) i) in *. set (q := distance (a t) i x) in *.
    replace (s t * (s t * 1)) with (v - a t * a t * tau i) by lra. field. split; lra.
Qed.

Theorem heat sigma x : 0 < sigma -> is_derive (fun s => density 1 s x) sigma (sigma * laplacian 1 sigma x).
Proof.
  intros Hs. evar_last. apply (fokker_planck (fun _ => 1) (fun s => s) 0 1 sigma x); try assumption; try lra.
  apply @is_derive_const. apply @is_derive_id. field.
Qed.
End Mixture.
