(* E5 and E6 over all functions on finitely many points: the optimum of the objective is the resolvent.

   The states are points 0, ..., n - 1 with masses p i > 0; g i is the exact denoiser at point i, D i a candidate, both
   vectors of d coordinates. Moving from i to j is penalised with weight W i j >= 0, in general not that of the way back:
     J(D) = sum_i p_i |D_i - g_i|^2 + sum_ij W_ij |D_i - D_j|^2.
   E6 is W_ij = lambda p_i q(omega) for x_j = x_i + s omega, and equation_at is the equation of E6 word for word:
     p_i (D_i - g_i) + sum_j (W_ij (D_i - D_j) + W_ji (D_i - D_j)) = 0.
   E5 is W_ij = kappa w_ij/2 with symmetric conductances w: the penalty is kappa times the Dirichlet form and the equation is
   D_i + kappa (L D)_i = g_i, (L f)_i = (1/p_i) sum_j w_ij (f_i - f_j), so D is (I + kappa L)^-1 g.
     resolvent_exists    the equation has a solution, by eliminating points one after the other (star and mesh);
     resolvent_gain      J(D') = J(D) + sum p |D' - D|^2 + sum W |(D' - D)_i - (D' - D)_j|^2 for the solution D;
     resolvent_minimum   so D is the least, and any other function that is as low equals it at every point;
     maximum_principle   in any direction v, v . D_i <= M where v . g_j <= M for all j: D stays in the convex hull of g;
     resolvent_mean      sum p D = sum p g;
     resolvent_generator the equation for symmetric conductances is D + kappa L D = g. *)
Require Import Reals Lra Lia.
From Tweedie Require Import Sums.
Open Scope R_scope.

(* One coordinate: p_i (f_i - g_i) + sum_j c_ij (f_i - f_j). *)
Definition residual_at (n : nat) (p g : nat -> R) (c : mat) (f : nat -> R) (i : nat) : R :=
  p i * (f i - g i) + rsum n (fun j => c i j * (f i - f j)).

Lemma solvable n : forall p g c,
  (forall i, (i < n)%nat -> 0 < p i) -> (forall i j, (i < n)%nat -> (j < n)%nat -> 0 <= c i j) ->
  exists f, forall i, (i < n)%nat -> residual_at n p g c f i = 0.
Proof.
  induction n as [|n IH]; intros p g c Hp Hc. exists (fun _ => 0). intros i Hi. lia.
  (* Without point n: what it joined is joined directly, and its mass goes to its neighbours. *)
  set (T := p n + rsum n (fun j => c n j)).
  assert (HT : 0 < T).
  { assert (0 <= rsum n (fun j => c n j)) by (apply rsum_nonneg; intros; apply Hc; lia).
    assert (0 < p n) by (apply Hp; lia). unfold T. lra. }
  set (share := fun i => c i n / T).
  assert (Hs : forall i, (i < n)%nat -> 0 <= share i).
  { intros i Hi. apply Rmult_le_pos. apply Hc; lia. left. now apply Rinv_0_lt_compat. }
  set (p' := fun i => p i + share i * p n).
  assert (Hp' : forall i, (i < n)%nat -> 0 < p' i).
  { intros i Hi. assert (0 <= share i * p n) by (apply Rmult_le_pos; [auto|left; apply Hp; lia]).
    assert (0 < p i) by (apply Hp; lia). unfold p'. lra. }
  destruct (IH p' (fun i => (p i * g i + share i * p n * g n) / p' i) (fun i j => c i j + share i * c n j)) as [f Hf].
  - assumption.
  - intros i j Hi Hj. assert (0 <= share i * c n j) by (apply Rmult_le_pos; [auto|apply Hc; lia]).
    assert (0 <= c i j) by (apply Hc; lia). lra.
  - set (fn := (p n * g n + rsum n (fun j => c n j * f j)) / T).
    exists (fun i => if Nat.eqb i n then fn else f i). intros i Hi. unfold residual_at. simpl. rewrite Nat.eqb_refl.
    assert (E : forall b a, rsum n (fun j => c b j * (a - (if Nat.eqb j n then fn else f j)))
      = rsum n (fun j => c b j * (a - f j))).
    { intros b a. apply rsum_ext. intros j Hj. destruct (Nat.eqb_spec j n). lia. reflexivity. }
    rewrite E. destruct (Nat.eqb_spec i n) as [->|Hne].
    + rewrite (rsum_ext n _ (fun j => c n j * fn - c n j * f j)) by (intros; ring).
      rewrite rsum_minus, (rsum_scal_r n fn (fun j => c n j)).
      assert (Q : fn * T = p n * g n + rsum n (fun j => c n j * f j)) by (unfold fn; field; lra).
      unfold T in Q. lra.
    + assert (Hi' : (i < n)%nat) by lia. specialize (Hf i Hi'). unfold residual_at in Hf.
      rewrite (rsum_ext n _ (fun j => c i j * (f i - f j) + share i * (c n j * f i - c n j * f j))) in Hf
        by (intros; ring).
      rewrite rsum_plus, rsum_scal, rsum_minus, (rsum_scal_r n (f i) (fun j => c n j)) in Hf.
      replace (p' i * (f i - (p i * g i + share i * p n * g n) / p' i))
        with (p i * (f i - g i) + share i * (p n * (f i - g n))) in Hf.
      2: { unfold p'. assert (0 < p' i) by auto. unfold p' in H. field. lra. }
      assert (Q : c i n * (f i - fn)
        = share i * (p n * (f i - g n)) + share i * (rsum n (fun j => c n j) * f i - rsum n (fun j => c n j * f j))).
      { assert (Q1 : fn * T = p n * g n + rsum n (fun j => c n j * f j)) by (unfold fn; field; lra).
        assert (Q2 : c i n = share i * T) by (unfold share; field; lra).
        rewrite Q2. replace (share i * T * (f i - fn)) with (share i * (T * f i - fn * T)) by ring.
        rewrite Q1. unfold T. ring. }
      lra.
Qed.

Section Resolvent.
Variables n d : nat.
Variable p : nat -> R.
Variable W : mat.
Variable g : nat -> vec.
Hypothesis Hp : forall i, (i < n)%nat -> 0 < p i.
Hypothesis HW : forall i j, (i < n)%nat -> (j < n)%nat -> 0 <= W i j.

Definition square (u : vec) : R := dot d u u.
Definition fidelity (D : nat -> vec) : R := rsum n (fun i => p i * square (fun k => D i k - g i k)).
Definition roughness (D : nat -> vec) : R :=
  rsum n (fun i => rsum n (fun j => W i j * square (fun k => D i k - D j k))).
Definition J (D : nat -> vec) : R := fidelity D + roughness D.
Definition equation_at (D : nat -> vec) (i k : nat) : R :=
  p i * (D i k - g i k) + rsum n (fun j => W i j * (D i k - D j k) + W j i * (D i k - D j k)).
Definition solves (D : nat -> vec) : Prop := forall i k, (i < n)%nat -> (k < d)%nat -> equation_at D i k = 0.

Theorem resolvent_exists : exists D, solves D.
Proof.
  assert (H : forall m, exists D : nat -> vec, forall i k, (i < n)%nat -> (k < m)%nat -> equation_at D i k = 0).
  { induction m as [|m [D HD]]. exists (fun _ _ => 0). intros; lia.
    destruct (solvable n p (fun i => g i m) (fun i j => W i j + W j i)) as [f Hf].
    - assumption.
    - intros i j Hi Hj. generalize (HW i j Hi Hj) (HW j i Hj Hi). lra.
    - exists (fun i k => if Nat.eqb k m then f i else D i k). intros i k Hi Hk. unfold equation_at.
      destruct (Nat.eqb_spec k m) as [->|Hne].
      + rewrite <- (Hf i Hi). unfold residual_at. f_equal. apply rsum_ext. intros; ring.
      + apply HD; lia. }
  apply H.
Qed.

Variable D : nat -> vec.
Hypothesis HD : solves D.

(* The terms linear in h = D' - D vanish, coordinate by coordinate. *)
Lemma linear_terms (h : nat -> R) k : (k < d)%nat ->
  rsum n (fun i => p i * ((D i k - g i k) * h i))
  + rsum n (fun i => rsum n (fun j => W i j * ((D i k - D j k) * (h i - h j)))) = 0.
Proof.
  intros Hk.
  assert (A : rsum n (fun i => h i * equation_at D i k) = 0).
  { rewrite (rsum_ext n _ (fun _ => 0)). apply rsum_0. intros i Hi. rewrite HD by assumption. ring. }
  rewrite <- A. clear A.
  rewrite (rsum_ext n (fun i => h i * equation_at D i k) (fun i => p i * ((D i k - g i k) * h i)
    + (rsum n (fun j => W i j * (D i k - D j k) * h i) + rsum n (fun j => W j i * (D i k - D j k) * h i)))).
  2: { intros i Hi. unfold equation_at. rewrite rsum_plus.
       rewrite (rsum_scal_r n (h i) (fun j => W i j * (D i k - D j k))).
       rewrite (rsum_scal_r n (h i) (fun j => W j i * (D i k - D j k))). ring. }
  rewrite rsum_plus. f_equal. rewrite rsum_plus.
  rewrite (rsum_swap n n (fun i j => W j i * (D i k - D j k) * h i)), <- rsum_plus.
  apply rsum_ext. intros i Hi. rewrite <- rsum_plus. apply rsum_ext. intros; ring.
Qed.

Lemma square_rsum u : square u = rsum d (fun k => u k * u k). Proof. reflexivity. Qed.

Theorem resolvent_gain D' : let h := fun i k => D' i k - D i k in
  J D' = J D + rsum n (fun i => p i * square (h i)) + roughness h.
Proof.
  intros h.
  set (cross := rsum d (fun k => rsum n (fun i => p i * ((D i k - g i k) * h i k))
    + rsum n (fun i => rsum n (fun j => W i j * ((D i k - D j k) * (h i k - h j k)))))).
  assert (C : cross = 0).
  { unfold cross. rewrite (rsum_ext d _ (fun _ => 0)). apply rsum_0.
    intros k Hk. now apply (linear_terms (fun i => h i k)). }
  assert (E : cross = rsum n (fun i => p i * dot d (fun k => D i k - g i k) (h i))
    + rsum n (fun i => rsum n (fun j => W i j * dot d (fun k => D i k - D j k) (fun k => h i k - h j k)))).
  { unfold cross. rewrite rsum_plus. f_equal.
    - rewrite rsum_swap. apply rsum_ext. intros i Hi. now rewrite rsum_scal.
    - rewrite rsum_swap. apply rsum_ext. intros i Hi. rewrite rsum_swap. apply rsum_ext. intros j Hj.
      now rewrite rsum_scal. }
  assert (S : forall u v, square (fun k => u k + v k) = square u + square v + 2 * dot d u v).
  { intros u v. unfold square, dot. rewrite <- rsum_scal, <- !rsum_plus. apply rsum_ext. intros; ring. }
  unfold J. assert (F : fidelity D' = fidelity D + rsum n (fun i => p i * square (h i))
    + 2 * rsum n (fun i => p i * dot d (fun k => D i k - g i k) (h i))).
  { unfold fidelity. rewrite <- rsum_scal, <- !rsum_plus. apply rsum_ext. intros i Hi.
    rewrite <- (Rmult_1_l (p i * dot d _ _)).
    replace (square (fun k => D' i k - g i k)) with (square (fun k => (D i k - g i k) + h i k)).
    rewrite S. ring. unfold square. apply dot_ext; intros; unfold h; ring. }
  assert (G : roughness D' = roughness D + roughness h
    + 2 * rsum n (fun i => rsum n (fun j => W i j * dot d (fun k => D i k - D j k) (fun k => h i k - h j k)))).
  { unfold roughness. rewrite <- rsum_scal, <- !rsum_plus. apply rsum_ext. intros i Hi.
    rewrite <- rsum_scal, <- !rsum_plus. apply rsum_ext. intros j Hj.
    replace (square (fun k => D' i k - D' j k)) with (square (fun k => (D i k - D j k) + (h i k - h j k))).
    rewrite S. ring. unfold square. apply dot_ext; intros; unfold h; ring. }
  rewrite F, G. lra.
Qed.

Lemma roughness_nonneg h : 0 <= roughness h.
Proof.
  apply rsum_nonneg. intros i Hi. apply rsum_nonneg. intros j Hj. apply Rmult_le_pos. now apply HW. apply dot_nonneg.
Qed.

Theorem resolvent_minimum D' : J D <= J D' /\ (J D' <= J D -> forall i k, (i < n)%nat -> (k < d)%nat -> D' i k = D i k).
Proof.
  assert (E := resolvent_gain D'). set (h := fun i k => D' i k - D i k) in *. cbv zeta in E.
  assert (R := roughness_nonneg h).
  assert (Pos : forall i, (i < n)%nat -> 0 <= p i * square (h i)).
  { intros i Hi. apply Rmult_le_pos. left; now apply Hp. apply dot_nonneg. }
  assert (S := rsum_nonneg n _ Pos). split. lra.
  intros H i k Hi Hk.
  assert (Z : rsum n (fun i => p i * square (h i)) = 0) by lra.
  assert (Zi := rsum_nonneg_0 n _ Pos Z i Hi). cbv beta in Zi.
  assert (Sq : square (h i) = 0).
  { apply (Rmult_eq_reg_l (p i)). lra. generalize (Hp i Hi). lra. }
  generalize (dot_0 d (h i) Sq k Hk). unfold h. lra.
Qed.

(* Where a function on the points is largest. *)
Lemma argmax m (f : nat -> R) : (0 < m)%nat -> exists i, (i < m)%nat /\ forall j, (j < m)%nat -> f j <= f i.
Proof.
  induction m as [|m IH]; intros Hm. lia.
  destruct (Nat.eq_dec m 0) as [->|H0]. exists 0%nat. split. lia. intros j Hj. replace j with 0%nat by lia. lra.
  destruct IH as [i [Hi H]]. lia. destruct (Rle_dec (f m) (f i)) as [L|L].
  - exists i. split. lia. intros j Hj. destruct (Nat.eq_dec j m) as [->|]. assumption. apply H. lia.
  - exists m. split. lia. intros j Hj. destruct (Nat.eq_dec j m) as [->|]. lra.
    assert (f j <= f i) by (apply H; lia). lra.
Qed.

Theorem maximum_principle v top : (forall j, (j < n)%nat -> dot d v (g j) <= top) ->
  forall i, (i < n)%nat -> dot d v (D i) <= top.
Proof.
  intros Hg i Hi. destruct (argmax n (fun j => dot d v (D j))) as [m [Hm Max]]. lia.
  apply Rle_trans with (1 := Max i Hi).
  assert (E : p m * (dot d v (D m) - dot d v (g m))
    + rsum n (fun j => (W m j + W j m) * (dot d v (D m) - dot d v (D j))) = 0).
  { assert (A : dot d v (fun k => equation_at D m k) = 0).
    { unfold dot. rewrite (rsum_ext d _ (fun _ => 0)). apply rsum_0. intros k Hk. rewrite HD by assumption. ring. }
    rewrite <- A. unfold equation_at. rewrite dot_plus_r, dot_scal_r, dot_minus_r. f_equal.
    rewrite (rsum_ext n _ (fun j => (W m j + W j m) * dot d v (fun k => D m k - D j k))).
    2: intros; now rewrite dot_minus_r.
    rewrite <- (dot_rsum_r d n v (fun j => W m j + W j m) (fun j k => D m k - D j k)).
    apply dot_ext; intros; auto. apply rsum_ext. intros; ring. }
  assert (N : 0 <= rsum n (fun j => (W m j + W j m) * (dot d v (D m) - dot d v (D j)))).
  { apply rsum_nonneg. intros j Hj. apply Rmult_le_pos. generalize (HW m j Hm Hj) (HW j m Hj Hm). lra.
    generalize (Max j Hj). lra. }
  assert (L : p m * (dot d v (D m) - dot d v (g m)) <= p m * 0) by lra.
  apply Rmult_le_reg_l in L; [|now apply Hp]. generalize (Hg m Hm). lra.
Qed.

Theorem resolvent_mean k : (k < d)%nat -> rsum n (fun i => p i * D i k) = rsum n (fun i => p i * g i k).
Proof.
  intros Hk. generalize (linear_terms (fun _ => 1) k Hk).
  rewrite (rsum_ext n (fun i => rsum n _) (fun _ => 0)).
  2: { intros i Hi. rewrite (rsum_ext n _ (fun _ => 0)). apply rsum_0. intros; ring. }
  rewrite rsum_0, (rsum_ext n _ (fun i => p i * D i k - p i * g i k)) by (intros; ring). rewrite rsum_minus. lra.
Qed.
End Resolvent.

(* E5: the Dirichlet form of symmetric conductances w, and its generator. *)
Definition generator (n : nat) (p : nat -> R) (w : mat) (f : nat -> R) (i : nat) : R :=
  / p i * rsum n (fun j => w i j * (f i - f j)).

Theorem resolvent_generator n d p w g kappa D : (forall i, (i < n)%nat -> 0 < p i) -> symmetric n w ->
  (solves n d p (fun i j => kappa * w i j / 2) g D
   <-> forall i k, (i < n)%nat -> (k < d)%nat -> D i k + kappa * generator n p w (fun j => D j k) i = g i k).
Proof.
  intros Hp Hw.
  assert (E : forall i k, (i < n)%nat -> equation_at n p (fun i j => kappa * w i j / 2) g D i k
    = p i * (D i k + kappa * generator n p w (fun j => D j k) i - g i k)).
  { intros i k Hi. unfold equation_at, generator.
    rewrite (rsum_ext n _ (fun j => kappa * (w i j * (D i k - D j k)))).
    2: { intros j Hj. rewrite (Hw j i Hj Hi). field. }
    rewrite rsum_scal. field. generalize (Hp i Hi). lra. }
  split; intros H i k Hi Hk; specialize (H i k Hi Hk).
  - rewrite E in H by assumption. apply Rmult_integral in H. generalize (Hp i Hi). destruct H; lra.
  - rewrite E by assumption. rewrite H. ring.
Qed.

Theorem dirichlet_form n p w f : (forall i, (i < n)%nat -> 0 < p i) -> symmetric n w ->
  rsum n (fun i => rsum n (fun j => w i j / 2 * (f i - f j) ^ 2)) = rsum n (fun i => p i * (f i * generator n p w f i)).
Proof.
  intros Hp Hw.
  rewrite (rsum_ext n (fun i => p i * _) (fun i => rsum n (fun j => w i j * (f i - f j) * f i))).
  2: { intros i Hi. unfold generator. rewrite rsum_scal_r. field. generalize (Hp i Hi). lra. }
  set (X := rsum n (fun i => rsum n (fun j => w i j * (f i - f j) * f i))).
  assert (Y : X = rsum n (fun i => rsum n (fun j => w i j * (f j - f i) * f j))).
  { unfold X. rewrite rsum_swap. apply rsum_ext. intros i Hi. apply rsum_ext. intros j Hj. now rewrite (Hw j i Hj Hi). }
  replace X with (/ 2 * X + / 2 * X) by field. rewrite Y at 2. unfold X. rewrite <- !rsum_scal, <- rsum_plus.
  apply rsum_ext. intros i Hi. rewrite <- !rsum_scal, <- rsum_plus. apply rsum_ext. intros j Hj. field.
Qed.
