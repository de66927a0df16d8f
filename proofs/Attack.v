(* E4 and E7: where the largest effect of a bounded perturbation is.

   vertex: a function that is convex in each coordinate has, on the box [-r, r]^d, no value above its largest at a
   vertex. diagonal_attack, diagonal_attained: sum b_k^2 w_k^2 over |w| <= r is at most r^2 max b_k^2, attained at r
   times a coordinate vector; in an orthonormal eigenbasis that is the spectral form. spectral_attack: in any basis, with any
   N such that |B u|^2 <= N |u|^2, and attained wherever that is. taxicab_attack, taxicab_attained: over the l1 ball
   |B w|^2 is at most r^2 times the largest squared column, attained at r times a coordinate vector. line_adversary: on the line the
   uniform law on [-R, R] has variance R^2/3, which is r^2 for R = sqrt 3 r. difference_order, residual_order: where
   the posterior covariance has eigenvalues v <= v' <= s^2/a^2, the prediction difference multiplies by 1 - a^2 v/s^2,
   larger at v, and the residual by a^2 v/s^2, larger at v'. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Tweedie Require Import Sums.
Open Scope R_scope.

Definition set_at (x : vec) (k : nat) (b : R) : vec := fun l => if Nat.eqb l k then b else x l.

Section Vertex.
Variable f : vec -> R.
Hypothesis f_ext : forall x y, (forall k, x k = y k) -> f x = f y.
Hypothesis f_convex : forall x k b c t, 0 <= t <= 1 ->
  f (set_at x k (t * b + (1 - t) * c)) <= t * f (set_at x k b) + (1 - t) * f (set_at x k c).

Theorem vertex d r x : 0 < r -> (forall k, (k < d)%nat -> - r <= x k <= r) ->
  exists y, (forall k, (k < d)%nat -> y k = r \/ y k = - r) /\ (forall k, (d <= k)%nat -> y k = x k) /\ f x <= f y.
Proof.
  intros Hr. revert x. induction d as [|d IH]; intros x Hx.
  - exists x. repeat split; intros; try lia; lra.
  - assert (B : exists b, (b = r \/ b = - r) /\ f x <= f (set_at x d b)).
    { set (t := (x d + r) / (2 * r)). destruct (Hx d) as [H1 H2]; [lia|].
      assert (T : 0 <= t <= 1).
      { unfold t. split. apply Rmult_le_pos. lra. left; apply Rinv_0_lt_compat; lra.
        apply (Rmult_le_reg_r (2 * r)). lra. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
      assert (F := f_convex x d r (- r) t T).
      rewrite (f_ext (set_at x d (t * r + (1 - t) * - r)) x) in F.
      2: { intros k. unfold set_at. destruct (Nat.eqb_spec k d) as [->|]; [|reflexivity]. unfold t. field. lra. }
      destruct (Rle_dec (f (set_at x d r)) (f (set_at x d (- r)))) as [C|C].
      - exists (- r). split. now right. set (p := f (set_at x d r)) in *. set (q := f (set_at x d (- r))) in *.
        assert (t * p <= t * q) by (apply Rmult_le_compat_l; lra). lra.
      - exists r. split. now left. set (p := f (set_at x d r)) in *. set (q := f (set_at x d (- r))) in *.
        assert ((1 - t) * q <= (1 - t) * p) by (apply Rmult_le_compat_l; lra). lra. }
    destruct B as [b [Hb Hf]].
    destruct (IH (set_at x d b)) as [y [Y1 [Y2 Y3]]].
    { intros k Hk. unfold set_at. destruct (Nat.eqb_spec k d). lia. apply Hx. lia. }
    exists y. repeat split.
    + intros k Hk. destruct (Nat.eq_dec k d) as [->|Hne]; [|apply Y1; lia].
      rewrite (Y2 d) by lia. unfold set_at. rewrite Nat.eqb_refl. destruct Hb; auto.
    + intros k Hk. rewrite (Y2 k) by lia. unfold set_at. destruct (Nat.eqb_spec k d). lia. reflexivity.
    + lra.
Qed.
End Vertex.

Definition effect (d : nat) (b w : vec) : R := rsum d (fun k => (b k * w k) ^ 2).

Theorem diagonal_attack d b w r L :
  dot d w w <= r ^ 2 -> (forall k, (k < d)%nat -> b k ^ 2 <= L) -> 0 <= L -> effect d b w <= r ^ 2 * L.
Proof.
  intros Hw Hb HL. apply Rle_trans with (L * dot d w w).
  - unfold dot. rewrite <- rsum_scal. apply rsum_le. intros k Hk.
    replace ((b k * w k) ^ 2) with (b k ^ 2 * (w k * w k)) by ring.
    apply Rmult_le_compat_r. apply Rle_0_sqr. now apply Hb.
  - rewrite Rmult_comm. now apply Rmult_le_compat_r.
Qed.

Theorem diagonal_attained d b r k : (k < d)%nat ->
  let w := fun l => r * e_ k l in dot d w w = r ^ 2 /\ effect d b w = r ^ 2 * b k ^ 2.
Proof.
  intros Hk w. split.
  - unfold w. rewrite dot_scal_l, dot_scal_r, dot_e by assumption. unfold e_, delta. rewrite Nat.eqb_refl. ring.
  - unfold effect. rewrite (rsum_ext d _ (fun l => delta k l * (r ^ 2 * b l ^ 2))).
    + now rewrite rsum_delta.
    + intros l _. unfold w, e_, delta. destruct (Nat.eqb k l); ring.
Qed.

(* Any linear map of d coordinates to m. *)
Definition norm2 (d : nat) (v : vec) : R := dot d v v.

Theorem spectral_attack d m (B : mat) N r : (forall u, norm2 m (app d B u) <= N * norm2 d u) -> 0 <= N ->
  (forall w, norm2 d w <= r ^ 2 -> norm2 m (app d B w) <= r ^ 2 * N)
  /\ (forall u, norm2 d u = 1 -> norm2 m (app d B u) = N ->
      let w := fun k => r * u k in norm2 d w = r ^ 2 /\ norm2 m (app d B w) = r ^ 2 * N).
Proof.
  intros H HN. split.
  - intros w Hw. apply Rle_trans with (1 := H w). rewrite Rmult_comm. now apply Rmult_le_compat_r.
  - intros u Hu Hb w. unfold norm2 in *. split.
    + unfold w. rewrite dot_scal_l, dot_scal_r, Hu. ring.
    + rewrite <- Hb. unfold w. rewrite (dot_ext m _ (fun k => r * app d B u k) _ (fun k => r * app d B u k))
        by (intros; apply app_scal). rewrite dot_scal_l, dot_scal_r. ring.
Qed.

Definition column (B : mat) (k : nat) : vec := fun j => B j k.

Theorem taxicab_attack d m (B : mat) w r L : rsum d (fun k => Rabs (w k)) <= r ->
  (forall k, (k < d)%nat -> norm2 m (column B k) <= L) -> 0 <= L -> norm2 m (app d B w) <= r ^ 2 * L.
Proof.
  intros Hw HB HL. set (q := app d B w). set (S := norm2 m q).
  assert (HS : 0 <= S) by apply dot_nonneg.
  assert (E : S = rsum d (fun k => w k * dot m q (column B k))).
  { unfold S, norm2, q at 2. rewrite dot_app. unfold app. unfold dot at 1. apply rsum_ext. intros k _.
    f_equal. rewrite dot_sym. apply dot_ext; reflexivity. }
  assert (C : forall k, (k < d)%nat -> Rabs (dot m q (column B k)) <= sqrt (S * L)).
  { intros k Hk. rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. unfold Rsqr.
    apply Rle_trans with (S * norm2 m (column B k)).
    - apply cauchy_schwarz_form; try apply dot_nonneg. intros t.
      replace (_ + _) with (dot m (line q (column B k) t) (line q (column B k) t)). apply dot_nonneg.
      rewrite dot_line_r, 2!(dot_sym m (line _ _ _)), 2!dot_line_r, (dot_sym m (column B k) q). unfold S, norm2. ring.
    - apply Rmult_le_compat_l; auto. }
  assert (R1 : S <= r * sqrt (S * L)).
  { rewrite E at 1. apply Rle_trans with (rsum d (fun k => Rabs (w k) * sqrt (S * L))).
    - apply rsum_le. intros k Hk. apply Rle_trans with (1 := Rle_abs _). rewrite Rabs_mult.
      apply Rmult_le_compat_l. apply Rabs_pos. auto.
    - rewrite rsum_scal_r. apply Rmult_le_compat_r. apply sqrt_pos. assumption. }
  assert (SL : 0 <= S * L) by now apply Rmult_le_pos.
  assert (R2 : S * S <= S * (r ^ 2 * L)).
  { apply Rle_trans with ((r * sqrt (S * L)) * (r * sqrt (S * L))). now apply Rmult_le_compat.
    replace (r * sqrt (S * L) * (r * sqrt (S * L))) with (r ^ 2 * (sqrt (S * L) * sqrt (S * L))) by ring.
    rewrite sqrt_sqrt by assumption. lra. }
  destruct (Req_dec S 0) as [Z|Z].
  - rewrite Z. apply Rmult_le_pos. apply pow2_ge_0. assumption.
  - apply Rmult_le_reg_l in R2; lra.
Qed.

Theorem taxicab_attained d m (B : mat) r k : (k < d)%nat -> 0 <= r ->
  let w := fun l => r * e_ k l in
  rsum d (fun l => Rabs (w l)) = r /\ norm2 m (app d B w) = r ^ 2 * norm2 m (column B k).
Proof.
  intros Hk Hr w. split.
  - rewrite (rsum_ext d _ (fun l => delta k l * r)). now rewrite rsum_delta.
    intros l _. unfold w, e_, delta. destruct (Nat.eqb k l).
    rewrite Rmult_1_r, Rabs_pos_eq by assumption. ring. rewrite Rmult_0_r, Rabs_R0. ring.
  - unfold norm2. rewrite (dot_ext m _ (fun j => r * column B k j) _ (fun j => r * column B k j)).
    rewrite dot_scal_l, dot_scal_r. ring.
    all: intros j _; unfold w; rewrite app_scal; f_equal; unfold app; rewrite dot_sym, dot_e by assumption; reflexivity.
Qed.

Theorem box_variance R0 : 0 < R0 -> is_RInt (fun w => w ^ 2 / (2 * R0)) (- R0) R0 (R0 ^ 2 / 3).
Proof.
  intros H. evar_last.
  - apply (is_RInt_derive (fun w => w ^ 3 / (6 * R0)) (fun w => w ^ 2 / (2 * R0))).
    + intros x _. auto_derive. exact I. field. lra.
    + intros x _. apply (ex_derive_continuous (fun w : R => w ^ 2 / (2 * R0))). auto_derive. exact I.
  - unfold minus, plus, opp; simpl. field. lra.
Qed.

Theorem line_adversary r : (sqrt 3 * r) ^ 2 / 3 = r ^ 2.
Proof. replace ((sqrt 3 * r) ^ 2) with (sqrt 3 ^ 2 * r ^ 2) by ring. rewrite pow2_sqrt by lra. field. Qed.

Theorem difference_order a s v v' : 0 < s -> v <= v' -> a ^ 2 * v' <= s ^ 2 ->
  0 <= 1 - a ^ 2 * v' / s ^ 2 <= 1 - a ^ 2 * v / s ^ 2.
Proof.
  intros Hs Hv H. generalize (pow_lt s 2 Hs) (Rmult_le_compat_l _ _ _ (pow2_ge_0 a) Hv). intros.
  assert (0 < / s ^ 2) by now apply Rinv_0_lt_compat. unfold Rdiv.
  assert (a ^ 2 * v' * / s ^ 2 <= s ^ 2 * / s ^ 2) by (apply Rmult_le_compat_r; lra).
  rewrite Rinv_r in H3 by lra.
  assert (a ^ 2 * v * / s ^ 2 <= a ^ 2 * v' * / s ^ 2) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Theorem residual_order a s v v' : 0 < s -> 0 <= v -> v <= v' -> 0 <= a ^ 2 * v / s ^ 2 <= a ^ 2 * v' / s ^ 2.
Proof.
  intros Hs H0 Hv. generalize (pow_lt s 2 Hs) (pow2_ge_0 a). intros.
  assert (0 < / s ^ 2) by now apply Rinv_0_lt_compat. unfold Rdiv. split.
  - apply Rmult_le_pos; [now apply Rmult_le_pos|lra].
  - apply Rmult_le_compat_r. lra. now apply Rmult_le_compat_l.
Qed.
