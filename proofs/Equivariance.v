(* E1 to E3: what equivariance is, and the affine optima with and without it.

   E1. residual: for any prediction D and its noise prediction (x - a D)/s,
       R(x, w) = noise(x + s w) - noise(x) - w = -(a/s)(D(x + s w) - D(x)). input_units: where D is linear of slope g
       the residual in input units vanishes exactly for g = (1 - s)/a.
   E2, E3. Over D(x) = m + A(x - a m), written about the means. E is any linear expectation under which the data X have
       covariance C, the noise eps covariance I, the perturbation covariance tau2 I, and X and eps are uncorrelated.
       W = a^2 C + s^2 I + lambda tau2 s^2 I, and row i of A is the vector A i. equivariant_optimum,
       invariant_optimum: where W A*_i = a C_i, or a C_i + lambda tau2 (s^2/a) e_i, the loss of A is that of A* plus the
       sum of (A_i - A*_i) . W (A_i - A*_i) >= 0, and equal only for A = A*. equivariant_kernel, invariant_kernel,
       equivariant_gain, invariant_gain: on u with C u = 0 and with C u = g u. equivariant_limit, invariant_limit:
       as lambda grows the gains tend to 0 and 1/a. That W has an inverse is not proven: A* is given. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums Tweedie.
Open Scope R_scope.

Section E1.
Variables a s : R.
Hypothesis Hs : 0 < s.
Definition noise_prediction (D : vec -> vec) (x : vec) : vec := fun k => (x k - a * D x k) / s.

Theorem residual (D : vec -> vec) (x w : vec) k :
  noise_prediction D (line x w s) k - noise_prediction D x k - w k = - (a / s) * (D (line x w s) k - D x k).
Proof. unfold noise_prediction, line. field. lra. Qed.

Theorem input_units (D : vec -> vec) (x w : vec) k g : a <> 0 -> w k <> 0 ->
  D (line x w 1) k = D x k + g * w k ->
  (noise_prediction D (line x w 1) k - noise_prediction D x k - w k = 0 <-> g = (1 - s) / a).
Proof.
  intros Ha Hw E. unfold noise_prediction. rewrite E. unfold line.
  replace ((x k + 1 * w k - a * (D x k + g * w k)) / s - (x k - a * D x k) / s - w k)
    with ((1 - s - a * g) * w k / s) by (field; lra).
  split; intros H.
  - assert (1 - s - a * g = 0).
    { apply (Rmult_eq_reg_r (w k)); [|assumption]. apply (Rmult_eq_reg_r (/ s)).
      2: apply Rinv_neq_0_compat; lra. unfold Rdiv in H. lra. }
    apply (Rmult_eq_reg_l a); [|assumption]. field_simplify; lra.
  - rewrite H. field. split; lra.
Qed.
End E1.

(* A completed square, row by row. *)
Section Square.
Variable d : nat.
Variable W : mat.
Hypothesis Wsym : symmetric d W.
Definition quadratic (h : mat) (A : mat) : R := rsum d (fun i => dot d (A i) (app d W (A i)) - 2 * dot d (A i) (h i)).
Definition gap (A A' : mat) : R :=
  rsum d (fun i => dot d (fun k => A i k - A' i k) (app d W (fun k => A i k - A' i k))).

Lemma completed_square h A A' :
  (forall i k, (i < d)%nat -> (k < d)%nat -> app d W (A' i) k = h i k) ->
  quadratic h A = quadratic h A' + gap A A'.
Proof.
  intros H. unfold quadratic, gap. rewrite <- rsum_plus. apply rsum_ext. intros i Hi.
  set (p := A i). set (q := A' i).
  rewrite (dot_ext d (fun k => p k - q k) (fun k => p k - q k) (app d W (fun k => p k - q k))
    (fun k => app d W p k - app d W q k)) by (auto; intros; apply app_minus).
  rewrite dot_minus_l, !dot_minus_r.
  rewrite (dot_app_sym d W q p Wsym), (dot_sym d (app d W q) p).
  rewrite (dot_ext d p p (app d W q) (h i)) by (auto; intros; now apply H).
  rewrite (dot_ext d q q (app d W q) (h i)) by (auto; intros; now apply H). ring.
Qed.
End Square.

Section Affine.
Variable d : nat.
Variable C : mat.
Variables a s lambda tau2 : R.
Hypothesis Hs : 0 < s.
Hypothesis Hl : 0 <= lambda.
Hypothesis Ht : 0 <= tau2.
Hypothesis Csym : symmetric d C.
Hypothesis Cpsd : psd d C.
Definition inflated : mat := fun k l => a ^ 2 * C k l + (s ^ 2 + lambda * tau2 * s ^ 2) * delta k l.
Notation W := inflated.

Lemma app_inflated v k : (k < d)%nat ->
  app d W v k = a ^ 2 * app d C v k + (s ^ 2 + lambda * tau2 * s ^ 2) * v k.
Proof.
  intros Hk. unfold app, inflated, dot. rewrite <- (rsum_delta d k v Hk), <- !rsum_scal, <- rsum_plus.
  apply rsum_ext. intros; ring.
Qed.
Lemma inflated_symmetric : symmetric d W.
Proof. intros k l Hk Hl'. unfold inflated. now rewrite (Csym k l Hk Hl'), delta_sym. Qed.
Lemma level_pos : 0 < s ^ 2 + lambda * tau2 * s ^ 2.
Proof.
  generalize (pow_lt s 2 Hs) (Rmult_le_pos _ _ Hl Ht); intros.
  assert (0 <= lambda * tau2 * s ^ 2) by (apply Rmult_le_pos; lra). lra.
Qed.
Lemma inflated_form v :
  dot d v (app d W v) = a ^ 2 * dot d v (app d C v) + (s ^ 2 + lambda * tau2 * s ^ 2) * dot d v v.
Proof.
  rewrite <- !dot_scal_r, <- dot_plus_r. apply dot_ext; auto. intros; now apply app_inflated.
Qed.
Lemma gap_nonneg A A' : 0 <= gap d W A A'.
Proof.
  apply rsum_nonneg. intros i _. rewrite inflated_form. generalize level_pos; intros.
  apply Rplus_le_le_0_compat; apply Rmult_le_pos. apply pow2_ge_0. apply Cpsd. lra. apply dot_nonneg.
Qed.
Lemma gap_zero A A' : gap d W A A' = 0 -> forall i k, (i < d)%nat -> (k < d)%nat -> A i k = A' i k.
Proof.
  intros H i k Hi Hk.
  assert (N : forall v, 0 <= dot d v (app d W v)).
  { intros v. rewrite inflated_form. generalize level_pos; intros.
    apply Rplus_le_le_0_compat; apply Rmult_le_pos. apply pow2_ge_0. apply Cpsd. lra. apply dot_nonneg. }
  assert (E := rsum_nonneg_0 d _ (fun i _ => N (fun k => A i k - A' i k)) H i Hi). cbv beta in E.
  rewrite inflated_form in E. set (v := fun k => A i k - A' i k) in *.
  generalize level_pos (Rmult_le_pos _ _ (pow2_ge_0 a) (Cpsd v)) (dot_nonneg d v). intros L P0 Q.
  assert (Z : dot d v v = 0).
  { apply Rle_antisym; [|assumption]. apply (Rmult_le_reg_l _ _ _ L). lra. }
  generalize (dot_0 d v Z k Hk). unfold v. lra.
Qed.

(* The losses, under a linear expectation with these second moments. *)
Variable Omega : Type.
Variable E : (Omega -> R) -> R.
Hypothesis E_ext : forall f g, (forall o, f o = g o) -> E f = E g.
Hypothesis E_plus : forall f g, E (fun o => f o + g o) = E f + E g.
Hypothesis E_scal : forall b f, E (fun o => b * f o) = b * E f.
Variables X eps w : Omega -> vec.
Hypothesis E_XX : forall k l, (k < d)%nat -> (l < d)%nat -> E (fun o => X o k * X o l) = C k l.
Hypothesis E_Xe : forall k l, (k < d)%nat -> (l < d)%nat -> E (fun o => X o k * eps o l) = 0.
Hypothesis E_ee : forall k l, (k < d)%nat -> (l < d)%nat -> E (fun o => eps o k * eps o l) = delta k l.
Hypothesis E_ww : forall k l, (k < d)%nat -> (l < d)%nat -> E (fun o => w o k * w o l) = tau2 * delta k l.
Definition state (o : Omega) : vec := fun k => a * X o k + s * eps o k.
Definition denoising (A : mat) : R :=
  rsum d (fun i => E (fun o => (dot d (A i) (state o) - X o i) * (dot d (A i) (state o) - X o i))).
Definition equivariant_loss (A : mat) : R :=
  denoising A + lambda * rsum d (fun i => E (fun o => dot d (A i) (fun k => s * w o k) * dot d (A i) (fun k => s * w o k))).
(* The invariance penalty |Q|^2 in the same unit: s^2/a^2 times |w - a A w|^2. *)
Definition invariant_loss (A : mat) : R :=
  denoising A + lambda * (s ^ 2 / a ^ 2 *
    rsum d (fun i => E (fun o => (w o i - a * dot d (A i) (w o)) * (w o i - a * dot d (A i) (w o))))).

Lemma E_dot r (f : Omega -> vec) (g : Omega -> R) :
  E (fun o => dot d r (f o) * g o) = dot d r (fun k => E (fun o => f o k * g o)).
Proof.
  unfold dot. generalize d. intros p. induction p as [|m IH]; simpl.
  - rewrite (E_scal 0 g). ring.
  - rewrite (E_ext _ (fun o => rsum m (fun k => r k * f o k) * g o + r m * (f o m * g o))) by (intros; ring).
    now rewrite E_plus, E_scal, IH.
Qed.
Lemma E_dot2 r (f : Omega -> vec) (S : mat) :
  (forall k l, (k < d)%nat -> (l < d)%nat -> E (fun o => f o k * f o l) = S k l) ->
  E (fun o => dot d r (f o) * dot d r (f o)) = dot d r (app d S r).
Proof.
  intros H. rewrite E_dot. apply dot_ext; auto. intros k Hk.
  rewrite (E_ext _ (fun o => dot d r (f o) * f o k)) by (intros; ring). rewrite E_dot. unfold app.
  rewrite (dot_sym d (S k)). apply dot_ext; auto. intros l Hl'.
  rewrite (E_ext _ (fun o => f o k * f o l)) by (intros; ring). now apply H.
Qed.
Lemma E_state k l : (k < d)%nat -> (l < d)%nat ->
  E (fun o => state o k * state o l) = a ^ 2 * C k l + s ^ 2 * delta k l.
Proof.
  intros Hk Hl'. unfold state.
  rewrite (E_ext _ (fun o => (a ^ 2 * (X o k * X o l) + s ^ 2 * (eps o k * eps o l))
    + ((a * s) * (X o k * eps o l) + (a * s) * (X o l * eps o k)))) by (intros; ring).
  rewrite !E_plus, !E_scal, E_XX, E_ee, !E_Xe by assumption. ring.
Qed.
Lemma E_state_X k i : (k < d)%nat -> (i < d)%nat -> E (fun o => state o k * X o i) = a * C i k.
Proof.
  intros Hk Hi. unfold state.
  rewrite (E_ext _ (fun o => a * (X o i * X o k) + s * (X o i * eps o k))) by (intros; ring).
  rewrite E_plus, !E_scal, E_XX, E_Xe by assumption. ring.
Qed.
Definition trace_C : R := rsum d (fun i => C i i).

Lemma denoising_form A : denoising A =
  rsum d (fun i => dot d (A i) (app d (fun k l => a ^ 2 * C k l + s ^ 2 * delta k l) (A i)) - 2 * dot d (A i) (fun k => a * C i k)) + trace_C.
Proof.
  unfold denoising, trace_C. rewrite <- rsum_plus. apply rsum_ext. intros i Hi.
  rewrite (E_ext _ (fun o => (dot d (A i) (state o) * dot d (A i) (state o) + (-2) * (dot d (A i) (state o) * X o i))
    + X o i * X o i)) by (intros; ring).
  rewrite !E_plus, E_scal, (E_XX i i Hi Hi), (E_dot (A i) state (fun o => X o i)).
  rewrite (E_dot2 (A i) state _ E_state).
  rewrite (dot_ext d (A i) (A i) (fun k => E (fun o => state o k * X o i)) (fun k => a * C i k))
    by (auto; intros; now apply E_state_X). ring.
Qed.

Lemma E_w2 r b : E (fun o => dot d r (fun k => b * w o k) * dot d r (fun k => b * w o k)) = b ^ 2 * tau2 * dot d r r.
Proof.
  rewrite (E_ext _ (fun o => b ^ 2 * (dot d r (w o) * dot d r (w o)))) by (intros; rewrite dot_scal_r; ring).
  rewrite E_scal, (E_dot2 r w (scalar tau2)) by (intros; now apply E_ww).
  rewrite (dot_ext d r r _ (fun k => tau2 * r k)) by (auto; intros; now apply app_scalar).
  rewrite dot_scal_r. ring.
Qed.

Lemma inflated_split r : dot d r (app d W r)
  = dot d r (app d (fun k l => a ^ 2 * C k l + s ^ 2 * delta k l) r) + lambda * (s ^ 2 * tau2 * dot d r r).
Proof.
  rewrite inflated_form.
  rewrite (dot_ext d r r (app d (fun k l => a ^ 2 * C k l + s ^ 2 * delta k l) r) (fun k => a ^ 2 * app d C r k + s ^ 2 * r k)).
  2: auto. 2: { intros k Hk. exact (app_variance d (fun _ => C) a s 0 r k Hk). }
  rewrite dot_plus_r, !dot_scal_r. ring.
Qed.

Lemma equivariant_form A : equivariant_loss A = quadratic d W (fun i k => a * C i k) A + trace_C.
Proof.
  unfold equivariant_loss, quadratic. rewrite denoising_form.
  rewrite (rsum_ext d (fun i => E _) (fun i => s ^ 2 * tau2 * dot d (A i) (A i))) by (intros; apply E_w2).
  rewrite <- rsum_scal, Rplus_assoc, (Rplus_comm trace_C), <- Rplus_assoc, <- rsum_plus. f_equal.
  apply rsum_ext. intros i _. rewrite inflated_split. ring.
Qed.

Theorem equivariant_optimum A A' :
  (forall i k, (i < d)%nat -> (k < d)%nat -> app d W (A' i) k = a * C i k) ->
  equivariant_loss A = equivariant_loss A' + gap d W A A' /\ 0 <= gap d W A A'
  /\ (equivariant_loss A = equivariant_loss A' -> forall i k, (i < d)%nat -> (k < d)%nat -> A i k = A' i k).
Proof.
  intros H. assert (Q := completed_square d W inflated_symmetric (fun i k => a * C i k) A A' H).
  rewrite !equivariant_form. repeat split. lra. apply gap_nonneg.
  intros Eq. apply gap_zero. lra.
Qed.

Definition invariant_target : mat := fun i k => a * C i k + lambda * tau2 * (s ^ 2 / a) * delta i k.

Lemma invariant_form A : a <> 0 -> invariant_loss A
  = quadratic d W invariant_target A + (trace_C + lambda * (s ^ 2 / a ^ 2 * rsum d (fun i => tau2))).
Proof.
  intros Ha. unfold invariant_loss, quadratic. rewrite denoising_form.
  rewrite (rsum_ext d (fun i => E _) (fun i => tau2 + (a ^ 2 * tau2 * dot d (A i) (A i) - 2 * a * tau2 * A i i))).
  2: { intros i Hi.
    rewrite (E_ext (fun o => (w o i - a * dot d (A i) (w o)) * (w o i - a * dot d (A i) (w o)))
      (fun o => (w o i * w o i + dot d (A i) (fun k => a * w o k) * dot d (A i) (fun k => a * w o k))
      + (-2 * a) * (dot d (A i) (w o) * w o i))) by (intros; rewrite dot_scal_r; ring).
    rewrite !E_plus, E_scal, E_w2, E_ww, (E_dot (A i) w (fun o => w o i)) by assumption.
    rewrite (dot_ext d (A i) (A i) (fun k => E (fun o => w o k * w o i)) (fun k => tau2 * e_ i k)).
    2: auto. 2: { intros k Hk. rewrite E_ww by assumption. unfold e_. now rewrite delta_sym. }
    rewrite dot_scal_r, (dot_sym d (A i) (e_ i)), dot_e by assumption. unfold delta. rewrite Nat.eqb_refl. ring. }
  rewrite rsum_plus.
  rewrite (rsum_ext d (fun i => dot d (A i) (app d W (A i)) - 2 * dot d (A i) (invariant_target i))
    (fun i => (dot d (A i) (app d (fun k l => a ^ 2 * C k l + s ^ 2 * delta k l) (A i)) - 2 * dot d (A i) (fun k => a * C i k))
      + (lambda * (s ^ 2 / a ^ 2)) * (a ^ 2 * tau2 * dot d (A i) (A i) - 2 * a * tau2 * A i i))).
  2: { intros i Hi. rewrite inflated_split. unfold invariant_target.
    rewrite (dot_plus_r d (A i) (fun k => a * C i k)), (dot_scal_r d (A i) (delta i)), (dot_sym d (A i) (delta i)).
    rewrite (dot_e d i (A i) Hi : dot d (delta i) (A i) = A i i). field. assumption. }
  rewrite rsum_plus, rsum_scal. ring.
Qed.

Theorem invariant_optimum A A' : a <> 0 ->
  (forall i k, (i < d)%nat -> (k < d)%nat -> app d W (A' i) k = invariant_target i k) ->
  invariant_loss A = invariant_loss A' + gap d W A A' /\ 0 <= gap d W A A'
  /\ (invariant_loss A = invariant_loss A' -> forall i k, (i < d)%nat -> (k < d)%nat -> A i k = A' i k).
Proof.
  intros Ha H. assert (Q := completed_square d W inflated_symmetric invariant_target A A' H).
  rewrite !invariant_form by assumption. repeat split. lra. apply gap_nonneg.
  intros Eq. apply gap_zero. lra.
Qed.

(* On an eigenvector of C. *)
Lemma on_eigenvector (h A : mat) (u : vec) g i : (i < d)%nat ->
  (forall k, (k < d)%nat -> app d W (A i) k = h i k) ->
  (forall k, (k < d)%nat -> app d C u k = g * u k) ->
  dot d (A i) u * (a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2) = dot d (h i) u.
Proof.
  intros Hi H Hu.
  rewrite <- (dot_ext d (app d W (A i)) (h i) u u) by auto.
  rewrite <- dot_app_sym by exact inflated_symmetric.
  rewrite (dot_ext d (A i) (A i) (app d W u) (fun k => (a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2) * u k)).
  2: auto. 2: { intros k Hk. rewrite app_inflated, Hu by assumption. ring. }
  rewrite dot_scal_r. ring.
Qed.

Lemma divisor_pos g : 0 <= g -> 0 < a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2.
Proof. intros. generalize level_pos (Rmult_le_pos _ _ (pow2_ge_0 a) H). lra. Qed.

Theorem equivariant_gain A u g i : (i < d)%nat -> 0 <= g ->
  (forall k, (k < d)%nat -> app d W (A i) k = a * C i k) ->
  (forall k, (k < d)%nat -> app d C u k = g * u k) ->
  dot d (A i) u = a * g / (a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2) * u i.
Proof.
  intros Hi Hg H Hu. generalize (divisor_pos g Hg). intros Hp.
  assert (F := on_eigenvector (fun i k => a * C i k) A u g i Hi H Hu). cbv beta in F.
  rewrite dot_scal_l in F. fold (app d C u i) in F. rewrite (Hu i Hi) in F.
  apply (Rmult_eq_reg_r (a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2)); [|lra]. rewrite F. field. lra.
Qed.

Theorem invariant_gain A u g i : a <> 0 -> (i < d)%nat -> 0 <= g ->
  (forall k, (k < d)%nat -> app d W (A i) k = invariant_target i k) ->
  (forall k, (k < d)%nat -> app d C u k = g * u k) ->
  dot d (A i) u = (a * g + lambda * tau2 * (s ^ 2 / a)) / (a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2) * u i.
Proof.
  intros Ha Hi Hg H Hu. generalize (divisor_pos g Hg). intros Hp.
  assert (F := on_eigenvector invariant_target A u g i Hi H Hu). unfold invariant_target in F.
  rewrite (dot_plus_l d u (fun k => a * C i k)), dot_scal_l, (dot_scal_l d u (delta i)) in F.
  fold (app d C u i) in F. rewrite (Hu i Hi), (dot_e d i u Hi : dot d (delta i) u = u i) in F.
  apply (Rmult_eq_reg_r (a ^ 2 * g + s ^ 2 + lambda * tau2 * s ^ 2)); [|lra]. rewrite F. field. split; lra.
Qed.

Theorem equivariant_kernel A u i : (i < d)%nat ->
  (forall k, (k < d)%nat -> app d W (A i) k = a * C i k) ->
  (forall k, (k < d)%nat -> app d C u k = 0) -> dot d (A i) u = 0.
Proof.
  intros Hi H Hu. rewrite (equivariant_gain A u 0 i Hi (Rle_refl 0) H) by (intros; rewrite Hu by assumption; ring).
  unfold Rdiv. ring.
Qed.

Theorem invariant_kernel A u i : a <> 0 -> (i < d)%nat ->
  (forall k, (k < d)%nat -> app d W (A i) k = invariant_target i k) ->
  (forall k, (k < d)%nat -> app d C u k = 0) ->
  dot d (A i) u = (lambda * tau2 / a) / (1 + lambda * tau2) * u i.
Proof.
  intros Ha Hi H Hu. rewrite (invariant_gain A u 0 i Ha Hi (Rle_refl 0) H) by (intros; rewrite Hu by assumption; ring).
  generalize (Rmult_le_pos _ _ Hl Ht) level_pos. intros. f_equal. field. repeat split; lra.
Qed.
End Affine.

Lemma decays K p q f l : 0 < p -> 0 < q -> (forall x, 0 <= x -> f x - l = K / (p + x * q)) ->
  is_lim f p_infty l.
Proof.
  intros Hp Hq H. apply is_lim_spec. intros e. destruct e as [e He]; simpl.
  exists (Rabs K / (q * e)). intros x Hx.
  assert (0 < q * e) by now apply Rmult_lt_0_compat.
  assert (0 <= Rabs K / (q * e)).
  { apply Rmult_le_pos. apply Rabs_pos. left; now apply Rinv_0_lt_compat. }
  assert (K1 : Rabs K < x * (q * e)).
  { apply (Rmult_lt_compat_r (q * e)) in Hx; [|assumption].
    replace (Rabs K / (q * e) * (q * e)) with (Rabs K) in Hx by (field; lra). assumption. }
  assert (0 <= x * q) by (apply Rmult_le_pos; lra).
  rewrite H by lra. unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ _)).
  2: left; apply Rinv_0_lt_compat; lra.
  apply (Rmult_lt_reg_r (p + x * q)). lra. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  assert (0 < e * p) by now apply Rmult_lt_0_compat. lra.
Qed.

Theorem equivariant_limit a s tau2 g : 0 < s -> 0 < tau2 -> 0 <= g ->
  is_lim (fun l => a * g / (a ^ 2 * g + s ^ 2 + l * tau2 * s ^ 2)) p_infty 0.
Proof.
  intros Hs Ht Hg. generalize (pow_lt s 2 Hs) (Rmult_le_pos _ _ (pow2_ge_0 a) Hg). intros.
  apply (decays (a * g) (a ^ 2 * g + s ^ 2) (tau2 * s ^ 2)). lra. now apply Rmult_lt_0_compat.
  intros x _. rewrite Rminus_0_r. do 2 f_equal. ring.
Qed.

Theorem invariant_limit a s tau2 g : 0 < a -> 0 < s -> 0 < tau2 -> 0 <= g ->
  is_lim (fun l => (a * g + l * tau2 * (s ^ 2 / a)) / (a ^ 2 * g + s ^ 2 + l * tau2 * s ^ 2)) p_infty (/ a).
Proof.
  intros Ha Hs Ht Hg. generalize (pow_lt s 2 Hs) (Rmult_le_pos _ _ (pow2_ge_0 a) Hg). intros.
  assert (0 < tau2 * s ^ 2) by now apply Rmult_lt_0_compat.
  apply (decays (- s ^ 2 / a) (a ^ 2 * g + s ^ 2) (tau2 * s ^ 2)); [lra|assumption|].
  intros x Hx. assert (0 <= x * (tau2 * s ^ 2)) by (apply Rmult_le_pos; lra). field. repeat split; lra.
Qed.
