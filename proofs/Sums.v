(* Finite sums, vectors and matrices, as the other files use them.

   A vector is a function nat -> R of which the first d values count, a matrix a function nat -> nat -> R.
   rsum n f = f 0 + ... + f (n - 1). Nothing here is about probability: linearity, exchange of sums, signs,
   the derivative of a sum, and the derivative of a weighted mean. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Fixpoint rsum (n : nat) (f : nat -> R) : R :=
  match n with O => 0 | S k => rsum k f + f k end.

Lemma rsum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> rsum n f = rsum n g.
Proof.
  induction n as [|n IH]; intros H; simpl. reflexivity.
  rewrite IH by (intros i Hi; apply H; lia). rewrite H by lia. reflexivity.
Qed.

Lemma rsum_plus n f g : rsum n (fun i => f i + g i) = rsum n f + rsum n g.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma rsum_minus n f g : rsum n (fun i => f i - g i) = rsum n f - rsum n g.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma rsum_scal n a f : rsum n (fun i => a * f i) = a * rsum n f.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma rsum_scal_r n a f : rsum n (fun i => f i * a) = rsum n f * a.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma rsum_0 n : rsum n (fun _ => 0) = 0.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma rsum_swap n d (f : nat -> nat -> R) :
  rsum n (fun i => rsum d (fun k => f i k)) = rsum d (fun k => rsum n (fun i => f i k)).
Proof.
  induction n as [|n IH]; simpl. now rewrite rsum_0. rewrite IH, <- rsum_plus. reflexivity.
Qed.

Lemma rsum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> rsum n f <= rsum n g.
Proof.
  induction n as [|n IH]; intros H; simpl. lra.
  assert (rsum n f <= rsum n g) by (apply IH; intros; apply H; lia).
  assert (f n <= g n) by (apply H; lia). lra.
Qed.

Lemma rsum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= rsum n f.
Proof. intros H. rewrite <- (rsum_0 n). now apply rsum_le. Qed.

Lemma rsum_pos n f : (0 < n)%nat -> (forall i, (i < n)%nat -> 0 < f i) -> 0 < rsum n f.
Proof.
  intros Hn H. destruct n as [|n]. lia. simpl.
  assert (0 <= rsum n f) by (apply rsum_nonneg; intros i Hi; left; apply H; lia).
  assert (0 < f n) by (apply H; lia). lra.
Qed.

(* A sum of terms that are not negative vanishes only where each does. *)
Lemma rsum_nonneg_0 n f :
  (forall i, (i < n)%nat -> 0 <= f i) -> rsum n f = 0 -> forall i, (i < n)%nat -> f i = 0.
Proof.
  induction n as [|n IH]; intros H E i Hi. lia. simpl in E.
  assert (0 <= rsum n f) by (apply rsum_nonneg; intros; apply H; lia).
  assert (0 <= f n) by (apply H; lia).
  destruct (Nat.eq_dec i n) as [->|Hne]. lra. apply IH; try lia. intros; apply H; lia. lra.
Qed.

(* n blocks of m terms. *)
Lemma rsum_blocks m n f :
  rsum n (fun b => rsum m (fun r => f (b * m + r)%nat)) = rsum (n * m) f.
Proof.
  assert (A : forall p q, rsum (p + q) f = rsum p f + rsum q (fun r => f (p + r)%nat)).
  { intros p. induction q as [|q IH]; simpl. rewrite Nat.add_0_r. ring.
    rewrite Nat.add_succ_r. simpl. rewrite IH. ring. }
  induction n as [|n IH]; simpl. reflexivity.
  rewrite IH, (Nat.add_comm m), A. reflexivity.
Qed.

Lemma is_derive_rsum n (f : nat -> R -> R) (t : R) (df : nat -> R) :
  (forall i, (i < n)%nat -> is_derive (f i) t (df i)) ->
  is_derive (fun u => rsum n (fun i => f i u)) t (rsum n df).
Proof.
  induction n as [|n IH]; intros H; simpl.
  - apply @is_derive_const.
  - apply (is_derive_plus (fun u => rsum n (fun i => f i u)) (f n)).
    + apply IH. intros i Hi. apply H. lia.
    + apply H. lia.
Qed.

(* The mean of f under positive weights g, not normalised. *)
Definition wmean (n : nat) (g f : nat -> R) : R := rsum n (fun i => g i * f i) / rsum n g.

(* The derivative of a weighted mean of h, where the weights have logarithmic derivatives l: the mean of the
   derivatives, and the covariance of l and h. *)
Lemma is_derive_wmean n (g h : nat -> R -> R) (l k : nat -> R) (t : R) :
  rsum n (fun i => g i t) <> 0 ->
  (forall i, (i < n)%nat -> is_derive (g i) t (g i t * l i)) ->
  (forall i, (i < n)%nat -> is_derive (h i) t (k i)) ->
  let m f := wmean n (fun i => g i t) f in
  is_derive (fun u => wmean n (fun i => g i u) (fun i => h i u)) t
    (m k + m (fun i => l i * h i t) - m l * m (fun i => h i t)).
Proof.
  intros Hp Hg Hh m. unfold wmean.
  assert (HN : is_derive (fun u => rsum n (fun i => g i u * h i u)) t
    (rsum n (fun i => g i t * k i + g i t * (l i * h i t)))).
  { apply (is_derive_rsum n (fun i u => g i u * h i u)). intros i Hi. evar_last.
    apply (is_derive_mult (g i) (h i)). now apply Hg. now apply Hh. intros; apply Rmult_comm.
    unfold plus, mult; simpl. ring. }
  assert (HP := is_derive_rsum n g t _ Hg).
  evar_last. apply (is_derive_div _ _ _ _ _ HN HP Hp).
  rewrite rsum_plus. unfold m, wmean. field. exact Hp.
Qed.

(* Vectors and matrices. *)
Definition vec := nat -> R.
Definition mat := nat -> nat -> R.
Definition dot (d : nat) (u v : vec) : R := rsum d (fun k => u k * v k).
Definition line (y v : vec) (t : R) : vec := fun k => y k + t * v k.
Definition delta (k l : nat) : R := if Nat.eqb k l then 1 else 0.
Definition e_ (k : nat) : vec := delta k.
Definition app (d : nat) (M : mat) (v : vec) : vec := fun k => dot d (M k) v.
Definition symmetric (d : nat) (M : mat) : Prop :=
  forall k l, (k < d)%nat -> (l < d)%nat -> M k l = M l k.
Definition psd (d : nat) (M : mat) : Prop := forall v, 0 <= dot d v (app d M v).

Lemma rsum_delta n k f : (k < n)%nat -> rsum n (fun l => delta k l * f l) = f k.
Proof.
  intros Hk. induction n as [|n IH]; [lia|]. simpl. unfold delta at 2.
  destruct (Nat.eqb_spec k n) as [->|Hne].
  - rewrite (rsum_ext n _ (fun _ => 0)). rewrite rsum_0. ring.
    intros i Hi. unfold delta. destruct (Nat.eqb_spec n i); [lia|ring].
  - rewrite IH by lia. ring.
Qed.

Lemma dot_ext d u u' v v' :
  (forall k, (k < d)%nat -> u k = u' k) -> (forall k, (k < d)%nat -> v k = v' k) ->
  dot d u v = dot d u' v'.
Proof. intros H H'. apply rsum_ext. intros k Hk. now rewrite H, H'. Qed.
Lemma dot_sym d u v : dot d u v = dot d v u.
Proof. apply rsum_ext. intros; ring. Qed.
Lemma dot_plus_r d v a b : dot d v (fun k => a k + b k) = dot d v a + dot d v b.
Proof. unfold dot. rewrite <- rsum_plus. apply rsum_ext. intros; ring. Qed.
Lemma dot_minus_r d v a b : dot d v (fun k => a k - b k) = dot d v a - dot d v b.
Proof. unfold dot. rewrite <- rsum_minus. apply rsum_ext. intros; ring. Qed.
Lemma dot_scal_r d v a c : dot d v (fun k => c * a k) = c * dot d v a.
Proof. unfold dot. rewrite <- rsum_scal. apply rsum_ext. intros; ring. Qed.
Lemma dot_plus_l d v a b : dot d (fun k => a k + b k) v = dot d a v + dot d b v.
Proof. rewrite dot_sym, dot_plus_r, !(dot_sym d v). reflexivity. Qed.
Lemma dot_minus_l d v a b : dot d (fun k => a k - b k) v = dot d a v - dot d b v.
Proof. rewrite dot_sym, dot_minus_r, !(dot_sym d v). reflexivity. Qed.
Lemma dot_scal_l d v a c : dot d (fun k => c * a k) v = c * dot d a v.
Proof. rewrite dot_sym, dot_scal_r, (dot_sym d v). reflexivity. Qed.
Lemma dot_line_r d u y v t : dot d u (line y v t) = dot d u y + t * dot d u v.
Proof. unfold line. now rewrite dot_plus_r, dot_scal_r. Qed.
Lemma dot_e d k a : (k < d)%nat -> dot d (e_ k) a = a k.
Proof. apply rsum_delta. Qed.
Lemma dot_nonneg d v : 0 <= dot d v v.
Proof. apply rsum_nonneg. intros. apply Rle_0_sqr. Qed.
Lemma dot_0 d v : dot d v v = 0 -> forall k, (k < d)%nat -> v k = 0.
Proof.
  intros H k Hk. assert (E := rsum_nonneg_0 d _ (fun i _ => Rle_0_sqr (v i)) H k Hk).
  now apply Rsqr_0_uniq.
Qed.

Lemma dot_rsum_r d n v (w : nat -> R) (m : nat -> vec) :
  dot d v (fun k => rsum n (fun i => w i * m i k)) = rsum n (fun i => w i * dot d v (m i)).
Proof.
  unfold dot.
  rewrite (rsum_ext d _ (fun k => rsum n (fun i => v k * (w i * m i k)))).
  2: intros; now rewrite rsum_scal.
  rewrite rsum_swap. apply rsum_ext. intros i Hi.
  rewrite <- rsum_scal. apply rsum_ext. intros; ring.
Qed.

Lemma app_ext d M v v' k : (forall l, (l < d)%nat -> v l = v' l) -> app d M v k = app d M v' k.
Proof. intros H. now apply dot_ext. Qed.
Lemma app_plus d M u v k : app d M (fun l => u l + v l) k = app d M u k + app d M v k.
Proof. apply dot_plus_r. Qed.
Lemma app_minus d M u v k : app d M (fun l => u l - v l) k = app d M u k - app d M v k.
Proof. apply dot_minus_r. Qed.
Lemma app_scal d M c v k : app d M (fun l => c * v l) k = c * app d M v k.
Proof. apply dot_scal_r. Qed.

(* u . M v = v . M^T u, for a rectangular M of d rows and m columns. *)
Lemma dot_app d m (M : mat) u v :
  dot d u (app m M v) = dot m v (app d (fun l k => M k l) u).
Proof.
  unfold app, dot.
  rewrite (rsum_ext d _ (fun k => rsum m (fun l => u k * (M k l * v l)))).
  2: intros; now rewrite rsum_scal.
  rewrite rsum_swap. apply rsum_ext. intros l _. rewrite <- rsum_scal. apply rsum_ext. intros; ring.
Qed.

Lemma dot_app_sym d M u v : symmetric d M -> dot d u (app d M v) = dot d (app d M u) v.
Proof.
  intros H. rewrite dot_app, dot_sym. apply rsum_ext. intros k Hk. f_equal.
  apply rsum_ext. intros l Hl. now rewrite H.
Qed.

(* Cauchy and Schwarz for a quadratic polynomial that is nowhere negative. *)
Lemma cauchy_schwarz_form (q p r : R) :
  0 <= q -> 0 <= r -> (forall t, 0 <= q + 2 * t * p + t * t * r) -> p * p <= q * r.
Proof.
  intros Hq Hr H. destruct (Req_dec r 0) as [->|Hn].
  - destruct (Req_dec p 0) as [->|Hp]. lra.
    specialize (H (- (q + 1) / (2 * p))).
    replace (2 * (- (q + 1) / (2 * p)) * p) with (- (q + 1)) in H by (field; lra). lra.
  - specialize (H (- p / r)). assert (0 < r) by lra.
    replace (q + 2 * (- p / r) * p + - p / r * (- p / r) * r) with ((q * r - p * p) / r) in H
      by (field; lra).
    apply Rnot_lt_le. intros Hlt.
    assert (0 <= (q * r - p * p) / r * r) by (apply Rmult_le_pos; lra).
    replace ((q * r - p * p) / r * r) with (q * r - p * p) in H1 by (field; lra). lra.
Qed.

Lemma rsum_last n f : rsum (S n) f = rsum n f + f n.
Proof. reflexivity. Qed.
Lemma rsum_abs n f : Rabs (rsum n f) <= rsum n (fun i => Rabs (f i)).
Proof. induction n as [|n IH]; simpl. rewrite Rabs_R0. lra. apply Rle_trans with (1 := Rabs_triang _ _). lra. Qed.

(* Double sums: blocks 0 to b, of any sizes. *)
Section Blocks.
Variable size : nat -> nat.
Definition dsum (b : nat) (f : nat -> nat -> R) : R := rsum (S b) (fun i => rsum (size i) (f i)).
Lemma dsum_ext b f g : (forall i j, (i <= b)%nat -> (j < size i)%nat -> f i j = g i j) -> dsum b f = dsum b g.
Proof. intros H. apply rsum_ext. intros i Hi. apply rsum_ext. intros j Hj. apply H; [lia|assumption]. Qed.
Lemma dsum_le b f g : (forall i j, (i <= b)%nat -> (j < size i)%nat -> f i j <= g i j) -> dsum b f <= dsum b g.
Proof. intros H. apply rsum_le. intros i Hi. apply rsum_le. intros j Hj. apply H; [lia|assumption]. Qed.
Lemma dsum_scal_r b x f : dsum b (fun i j => f i j * x) = dsum b f * x.
Proof. unfold dsum. rewrite <- rsum_scal_r. apply rsum_ext. intros. apply rsum_scal_r. Qed.
Lemma dsum_plus b f g : dsum b (fun i j => f i j + g i j) = dsum b f + dsum b g.
Proof. unfold dsum. rewrite <- rsum_plus. apply rsum_ext. intros. apply rsum_plus. Qed.
Lemma dsum_minus b f g : dsum b (fun i j => f i j - g i j) = dsum b f - dsum b g.
Proof. unfold dsum. rewrite <- rsum_minus. apply rsum_ext. intros. apply rsum_minus. Qed.
Lemma dsum_abs b f : Rabs (dsum b f) <= dsum b (fun i j => Rabs (f i j)).
Proof. apply Rle_trans with (1 := rsum_abs _ _). apply rsum_le. intros. apply rsum_abs. Qed.
Lemma dsum_nonneg b f : (forall i j, (i <= b)%nat -> (j < size i)%nat -> 0 <= f i j) -> 0 <= dsum b f.
Proof. intros H. apply rsum_nonneg. intros i Hi. apply rsum_nonneg. intros j Hj. apply H; [lia|assumption]. Qed.
End Blocks.
Arguments dsum_ext {size}. Arguments dsum_le {size}. Arguments dsum_scal_r {size}. Arguments dsum_plus {size}.
Arguments dsum_minus {size}. Arguments dsum_abs {size}. Arguments dsum_nonneg {size}.
