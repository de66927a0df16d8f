(* The canonical sum and the canonical dot product, in the order in which arith::sum computes them, and their error.

   A tree says what is added to what: Step t i adds the i-th element (or, for a dot product, the exact product x_i y_i
   by one fused multiply-add) to t, Join adds two totals, every time with one rounding. canonical n is the order of the
   code: blocks of 256, in each 8 lanes from zero, lane j adding the elements j, j + 8, ..., the halving tree, and the
   blocks in order from zero.
     sum_error   binary formats with subnormal numbers, round to nearest, no overflow: the result is within
                 gamma(d) sum |x_i| of the sum, d = sum_depth n, gamma(d) = d u/(1 - d u), u = 2^-prec;
     dot_error   the same with d + 1 and sum |x_i y_i| where no rounding underflows (unbounded exponent below). *)
Require Import Reals Lra Lia ZArith.
From Flocq Require Import Core Relative Plus_error.
From Tweedie Require Import Sums.
Open Scope R_scope.

Inductive tree := Zero | Step (t : tree) (i : nat) | Join (l r : tree).

Fixpoint empty (t : tree) : bool :=
  match t with Zero => true | Step _ _ => false | Join l r => andb (empty l) (empty r) end.

(* The additions on the longest path that can round; [first] is 0 where an element on its own is exact. *)
Fixpoint depth (first : nat) (t : tree) : nat :=
  match t with
  | Zero => 0
  | Step t _ => if empty t then first else S (depth first t)
  | Join l r => if empty l then depth first r else if empty r then depth first l
                else S (Nat.max (depth first l) (depth first r))
  end.

Fixpoint total (x : nat -> R) (t : tree) : R :=
  match t with Zero => 0 | Step t i => total x t + x i | Join l r => total x l + total x r end.

Section Growth.
Variable u : R.
Hypothesis u_nonneg : 0 <= u.
Definition growth (m : nat) : R := (1 + u) ^ m - 1.
Lemma growth_le m p : (m <= p)%nat -> growth m <= growth p.
Proof. intros H. unfold growth. apply Rplus_le_compat_r. apply Rle_pow; [lra|assumption]. Qed.
Lemma growth_pos m : 0 <= growth m.
Proof. replace 0 with (growth 0) by (unfold growth; simpl; ring). apply growth_le. lia. Qed.
Lemma growth_S m : growth (S m) = (1 + u) * growth m + u.
Proof. unfold growth. simpl. ring. Qed.

End Growth.

Section Rounded.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variable u : R.
Variable x : nat -> R.
Variable first : nat.
Fixpoint computed (t : tree) : R :=
  match t with Zero => 0 | Step t i => rnd (computed t + x i) | Join l r => rnd (computed l + computed r) end.

Hypothesis u_nonneg : 0 <= u.
Hypothesis format_0 : format 0.
Hypothesis format_rnd : forall z, format (rnd z).
Hypothesis exact : forall z, format z -> rnd z = z.
Hypothesis add : forall y z, format y -> format z -> Rabs (rnd (y + z) - (y + z)) <= u * Rabs (y + z).
Hypothesis step : forall z i, format z -> Rabs (rnd (z + x i) - (z + x i)) <= u * Rabs (z + x i).
Hypothesis begin : first = 0%nat -> forall i, format (x i).

Lemma computed_format t : format (computed t).
Proof. destruct t; simpl; auto. Qed.
Lemma computed_empty t : empty t = true -> computed t = 0 /\ total x t = 0.
Proof.
  induction t as [|t IH i|l IHl r IHr]; simpl; intros H. auto. discriminate.
  apply andb_prop in H. destruct H as [Hl Hr]. destruct (IHl Hl) as [-> ->]. destruct (IHr Hr) as [-> ->].
  rewrite Rplus_0_l. auto.
Qed.
Lemma total_abs t : Rabs (total x t) <= total (fun i => Rabs (x i)) t.
Proof.
  induction t as [|t IH i|l IHl r IHr]; simpl. rewrite Rabs_R0. lra.
  apply Rle_trans with (1 := Rabs_triang _ _). lra. apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

Notation growth := (growth u).

(* One addition more: errors of y and z about Y and Z grow by 1 + u, and u is added. *)
Lemma one_more y z Y Z A B m :
  Rabs (rnd (y + z) - (y + z)) <= u * Rabs (y + z) ->
  Rabs (y - Y) <= growth m * A -> Rabs (z - Z) <= growth m * B -> Rabs Y <= A -> Rabs Z <= B ->
  Rabs (rnd (y + z) - (Y + Z)) <= growth (S m) * (A + B).
Proof.
  intros H Hy Hz HA HB.
  assert (S1 : Rabs (y + z) <= Rabs (y - Y) + Rabs (z - Z) + A + B).
  { replace (y + z) with ((y - Y) + (z - Z) + (Y + Z)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _).
    generalize (Rabs_triang (y - Y) (z - Z)) (Rabs_triang Y Z). lra. }
  assert (S2 : Rabs (rnd (y + z) - (Y + Z)) <= Rabs (rnd (y + z) - (y + z)) + (Rabs (y - Y) + Rabs (z - Z))).
  { replace (rnd (y + z) - (Y + Z)) with ((rnd (y + z) - (y + z)) + ((y - Y) + (z - Z))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). generalize (Rabs_triang (y - Y) (z - Z)). lra. }
  rewrite (growth_S u). set (e := Rabs (y - Y) + Rabs (z - Z)) in *.
  assert (e <= growth m * (A + B)) by (unfold e; lra).
  assert (u * Rabs (y + z) <= u * (e + (A + B))) by (apply Rmult_le_compat_l; unfold e in *; lra).
  assert ((1 + u) * e <= (1 + u) * (growth m * (A + B))) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Lemma weaken e m p A : (m <= p)%nat -> 0 <= A -> e <= growth m * A -> e <= growth p * A.
Proof. intros H HA He. apply Rle_trans with (1 := He). apply Rmult_le_compat_r; auto. now apply (growth_le u u_nonneg). Qed.

Lemma tree_error t :
  Rabs (computed t - total x t) <= growth (depth first t) * total (fun i => Rabs (x i)) t.
Proof.
  assert (Pos : forall t, 0 <= total (fun i => Rabs (x i)) t).
  { intros r. apply Rle_trans with (2 := total_abs r). apply Rabs_pos. }
  induction t as [|t IH i|l IHl r IHr].
  - simpl. rewrite Rminus_0_r, Rabs_R0. lra.
  - simpl. destruct (empty t) eqn:Et.
    + destruct (computed_empty t Et) as [-> ->]. rewrite !Rplus_0_l.
      assert (N := Rabs_pos (x i)). assert (P := Pos t).
      destruct first as [|f] eqn:Ef.
      * rewrite exact by now apply begin. rewrite Rminus_eq_0, Rabs_R0. apply Rmult_le_pos. apply (growth_pos u u_nonneg). lra.
      * assert (St := step 0 i format_0). rewrite Rplus_0_l in St. apply Rle_trans with (1 := St).
        apply Rle_trans with (growth 1 * Rabs (x i)). right; unfold growth; simpl; ring.
        apply Rmult_le_compat; try lra. apply (growth_pos u u_nonneg). apply (growth_le u u_nonneg). lia.
    + apply one_more; auto. apply step, computed_format. 2: apply total_abs. 2: apply Rle_refl.
      rewrite Rminus_eq_0, Rabs_R0. apply Rmult_le_pos. apply (growth_pos u u_nonneg). apply Rabs_pos.
  - simpl. destruct (empty l) eqn:El; [|destruct (empty r) eqn:Er].
    + destruct (computed_empty l El) as [-> ->]. rewrite !Rplus_0_l, exact by apply computed_format.
      apply Rle_trans with (1 := IHr). apply Rmult_le_compat_l. apply (growth_pos u u_nonneg). generalize (Pos l). lra.
    + destruct (computed_empty r Er) as [-> ->]. rewrite !Rplus_0_r, exact by apply computed_format.
      apply Rle_trans with (1 := IHl). apply Rmult_le_compat_l. apply (growth_pos u u_nonneg). generalize (Pos r). lra.
    + apply one_more; try apply total_abs. apply add; apply computed_format.
      apply (weaken _ (depth first l)); auto. lia. apply (weaken _ (depth first r)); auto. lia.
Qed.
End Rounded.

(* The order of the code. *)
Definition block_size : nat := 256.
Definition lanes : nat := 8.
Definition rows : nat := 32.

Fixpoint lane (n start j r : nat) : tree :=
  match r with
  | O => Zero
  | S r => let i := (start + (r * lanes + j))%nat in
           if Nat.ltb i n then Step (lane n start j r) i else lane n start j r
  end.

Definition combine (a b c d e f g h : tree) : tree :=
  let '(a, b, c, d) := (Join a e, Join b f, Join c g, Join d h) in
  Join (Join a c) (Join b d).

Definition block (n b : nat) : tree :=
  let l j := lane n (b * block_size) j rows in
  combine (l 0%nat) (l 1%nat) (l 2%nat) (l 3%nat) (l 4%nat) (l 5%nat) (l 6%nat) (l 7%nat).

Fixpoint in_order (n b : nat) : tree :=
  match b with O => Zero | S b => Join (in_order n b) (block n b) end.

Definition ceiling (p q : nat) : nat := ((p + (q - 1)) / q)%nat.

Lemma ceiling_lt p q r : (0 < q)%nat -> (r * q < p)%nat -> (r < ceiling p q)%nat.
Proof.
  intros Hq H. unfold ceiling. apply Nat.div_le_lower_bound. lia.
  rewrite Nat.mul_comm. simpl. lia.
Qed.
Lemma ceiling_cover p q : (0 < q)%nat -> (p <= ceiling p q * q)%nat.
Proof.
  intros Hq. destruct (Nat.le_gt_cases p (ceiling p q * q)) as [H|H]. assumption.
  apply (ceiling_lt p q) in H; lia.
Qed.
Lemma block_is : block_size = (rows * lanes)%nat. Proof. reflexivity. Qed.
Lemma block_pos : (0 < block_size)%nat. Proof. apply Nat.lt_0_succ. Qed.
Lemma lanes_pos : (0 < lanes)%nat. Proof. apply Nat.lt_0_succ. Qed.

Definition canonical (n : nat) : tree := in_order n (ceiling n block_size).

(* sum_depth of the code, for n > 0. *)
Definition sum_depth (n : nat) : nat :=
  (ceiling (Nat.min n block_size) lanes - 1 + 3 + ceiling n block_size - 1)%nat.

Section Order.
Variable x : nat -> R.
Variable n : nat.
Let y (i : nat) : R := if Nat.ltb i n then x i else 0.

Lemma lane_total start j r : total x (lane n start j r) = rsum r (fun k => y (start + (k * lanes + j))%nat).
Proof.
  induction r as [|r IH]. reflexivity.
  cbn [lane rsum]. rewrite <- IH. unfold y at 1. cbv zeta.
  destruct (Nat.ltb _ n); simpl; ring.
Qed.

Lemma total_combine a b c d e f g h : total x (combine a b c d e f g h)
  = ((total x a + total x e) + (total x c + total x g)) + ((total x b + total x f) + (total x d + total x h)).
Proof. reflexivity. Qed.
Lemma rsum_lanes (f : nat -> R) : rsum lanes f
  = 0 + f 0%nat + f 1%nat + f 2%nat + f 3%nat + f 4%nat + f 5%nat + f 6%nat + f 7%nat.
Proof. reflexivity. Qed.

Lemma block_total b : total x (block n b) = rsum block_size (fun r => y (b * block_size + r)%nat).
Proof.
  set (f := fun r => y (b * block_size + r)%nat).
  assert (L : forall j, total x (lane n (b * block_size) j rows) = rsum rows (fun k => f (k * lanes + j)%nat)).
  { intros j. apply lane_total. }
  assert (E : rsum block_size f = rsum lanes (fun j => rsum rows (fun k => f (k * lanes + j)%nat))).
  { rewrite block_is, <- rsum_blocks. apply rsum_swap. }
  rewrite E, rsum_lanes. clearbody f. unfold block. rewrite total_combine, !L. ring.
Qed.

Lemma in_order_total b : total x (in_order n b) = rsum (b * block_size) y.
Proof.
  rewrite <- rsum_blocks. induction b as [|b IH]. reflexivity.
  cbn [in_order total rsum]. now rewrite IH, block_total.
Qed.

Theorem canonical_total : total x (canonical n) = rsum n x.
Proof.
  unfold canonical. rewrite in_order_total.
  assert (G : forall m, (n <= m)%nat -> rsum m y = rsum n x).
  { intros m H. induction H as [|m Hm IH].
    - apply rsum_ext. intros i Hi. unfold y. destruct (Nat.ltb_spec i n); [reflexivity|lia].
    - simpl. rewrite IH. unfold y. destruct (Nat.ltb_spec m n); [lia|ring]. }
  apply G. apply ceiling_cover, block_pos.
Qed.
End Order.

Section Depth.
Variables n first : nat.
Let m := ceiling (Nat.min n block_size) lanes.

Lemma lane_depth b j r : (r <= rows)%nat ->
  (depth first (lane n (b * block_size) j r) <= first + Nat.pred (Nat.min r m))%nat
  /\ (empty (lane n (b * block_size) j r) = false -> (1 <= r)%nat).
Proof.
  induction r as [|r IH]; intros Hr. simpl; split; [lia|discriminate].
  destruct IH as [I1 I2]. lia. cbn [lane]. cbv zeta.
  destruct (Nat.ltb_spec (b * block_size + (r * lanes + j)) n) as [H|H].
  - assert (r < m)%nat.
    { apply ceiling_lt. apply lanes_pos. apply Nat.min_glb_lt. lia.
      rewrite block_is. apply Nat.mul_lt_mono_pos_r. apply lanes_pos. assumption. }
    cbn [depth empty]. split; [|lia]. destruct (empty (lane n (b * block_size) j r)) eqn:E. lia.
    specialize (I2 eq_refl). lia.
  - split; lia.
Qed.

Lemma join_depth l r k : (depth first l <= k)%nat -> (depth first r <= k)%nat -> (depth first (Join l r) <= S k)%nat.
Proof. intros. simpl. destruct (empty l), (empty r); lia. Qed.

Lemma block_depth b : (depth first (block n b) <= first + Nat.pred m + 3)%nat.
Proof.
  assert (L : forall j, (depth first (lane n (b * block_size) j rows) <= first + Nat.pred m)%nat).
  { intros j. destruct (lane_depth b j rows (le_n _)) as [H _]. lia. }
  unfold block, combine. replace (first + Nat.pred m + 3)%nat with (S (S (S (first + Nat.pred m)))) by lia.
  repeat apply join_depth; apply L.
Qed.

Lemma depth_join l r : depth first (Join l r) =
  if empty l then depth first r else if empty r then depth first l else S (Nat.max (depth first l) (depth first r)).
Proof. reflexivity. Qed.
Lemma in_order_S b : in_order n (S b) = Join (in_order n b) (block n b).
Proof. reflexivity. Qed.

Lemma in_order_depth b : (depth first (in_order n b) <= first + Nat.pred m + 3 + Nat.pred b)%nat
  /\ (b = 0%nat -> empty (in_order n b) = true).
Proof.
  induction b as [|b [I1 I2]]. simpl; split; [lia|auto]. split; [|lia].
  assert (B := block_depth b). rewrite in_order_S, depth_join.
  destruct b as [|b]. rewrite I2 by reflexivity. lia.
  destruct (empty (in_order n (S b))), (empty (block n (S b))); lia.
Qed.

Theorem canonical_depth : (0 < n)%nat -> (depth first (canonical n) <= first + sum_depth n)%nat.
Proof.
  intros Hn. destruct (in_order_depth (ceiling n block_size)) as [H _]. unfold canonical.
  apply Nat.le_trans with (1 := H). unfold sum_depth. fold m.
  assert (0 < ceiling n block_size)%nat by (apply ceiling_lt; [apply block_pos|simpl; assumption]). lia.
Qed.
End Depth.

Definition gamma (u : R) (m : nat) : R := INR m * u / (1 - INR m * u).

Lemma growth_gamma u m : 0 <= u -> INR m * u < 1 -> (1 + u) ^ m - 1 <= gamma u m.
Proof.
  intros Hu. assert (G : INR m * u < 1 -> (1 + u) ^ m * (1 - INR m * u) <= 1).
  { induction m as [|m IH]; intros H. simpl. lra.
    rewrite S_INR in *. assert (0 <= INR m * u) by (apply Rmult_le_pos; [apply pos_INR|lra]).
    apply Rle_trans with (2 := IH ltac:(lra)). simpl.
    rewrite (Rmult_comm (1 + u)), Rmult_assoc. apply Rmult_le_compat_l. apply pow_le; lra.
    assert (0 <= (INR m * u) * u) by (apply Rmult_le_pos; lra). assert (0 <= u * u) by (apply Rmult_le_pos; lra). lra. }
  intros H. specialize (G H). unfold gamma. apply (Rmult_le_reg_r (1 - INR m * u)). lra.
  replace (INR m * u / (1 - INR m * u) * (1 - INR m * u)) with (INR m * u) by (field; lra). lra.
Qed.

Section Formats.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Variable choice : Z -> bool.
Notation u := (u_ro radix2 prec).

Lemma total_nonneg x t : 0 <= total (fun i => Rabs (x i)) t.
Proof. induction t; simpl; try lra. generalize (Rabs_pos (x i)). lra. Qed.

Theorem sum_error n x : (0 < n)%nat -> INR (sum_depth n) * u < 1 ->
  (forall i, generic_format radix2 (FLT_exp emin prec) (x i)) ->
  Rabs (computed (round radix2 (FLT_exp emin prec) (Znearest choice)) x (canonical n) - rsum n x)
  <= gamma u (sum_depth n) * rsum n (fun i => Rabs (x i)).
Proof.
  intros Hn Hd Hx. assert (Hu : 0 <= u) by apply u_ro_pos.
  assert (Add : forall y z, generic_format radix2 (FLT_exp emin prec) y -> generic_format radix2 (FLT_exp emin prec) z ->
    Rabs (round radix2 (FLT_exp emin prec) (Znearest choice) (y + z) - (y + z)) <= u * Rabs (y + z)).
  { intros y z Fy Fz. destruct (FLT_plus_error_N_ex radix2 emin prec choice y z Fy Fz) as [e [He ->]].
    replace ((y + z) * (1 + e) - (y + z)) with (e * (y + z)) by ring.
    rewrite Rabs_mult. apply Rmult_le_compat_r. apply Rabs_pos. apply Rle_trans with (1 := He). apply u_rod1pu_ro_le_u_ro. }
  assert (T := tree_error (round radix2 (FLT_exp emin prec) (Znearest choice)) (generic_format radix2 (FLT_exp emin prec))
    u x 0 Hu (generic_format_0 _ _) (fun z => generic_format_round _ _ _ z)
    (fun z F => round_generic _ _ _ z F) Add (fun z i F => Add z (x i) F (Hx i)) (fun _ => Hx) (canonical n)).
  rewrite !canonical_total in T. apply Rle_trans with (1 := T). apply Rmult_le_compat_r.
  - rewrite <- canonical_total. apply total_nonneg.
  - apply Rle_trans with ((1 + u) ^ sum_depth n - 1).
    + apply Rplus_le_compat_r. apply Rle_pow. lra. exact (canonical_depth n 0 Hn).
    + now apply growth_gamma.
Qed.

Theorem dot_error n x y : (0 < n)%nat -> INR (S (sum_depth n)) * u < 1 ->
  Rabs (computed (round radix2 (FLX_exp prec) (Znearest choice)) (fun i => x i * y i) (canonical n) - dot n x y)
  <= gamma u (S (sum_depth n)) * rsum n (fun i => Rabs (x i * y i)).
Proof.
  intros Hn Hd. assert (Hu : 0 <= u) by apply u_ro_pos.
  assert (Any : forall z, Rabs (round radix2 (FLX_exp prec) (Znearest choice) z - z) <= u * Rabs z).
  { intros z. apply Rle_trans with (1 := relative_error_N_FLX radix2 prec prec_gt_0_ choice z). apply Rle_refl. }
  assert (T := tree_error (round radix2 (FLX_exp prec) (Znearest choice)) (generic_format radix2 (FLX_exp prec))
    u (fun i => x i * y i) 1 Hu (generic_format_0 _ _) (fun z => generic_format_round _ _ _ z)
    (fun z F => round_generic _ _ _ z F) (fun p q _ _ => Any (p + q)) (fun z i _ => Any (z + x i * y i))
    (fun H => ltac:(discriminate)) (canonical n)).
  rewrite !canonical_total in T. apply Rle_trans with (1 := T). apply Rmult_le_compat_r.
  - rewrite <- (canonical_total (fun i => Rabs (x i * y i))). apply (total_nonneg (fun i => x i * y i)).
  - apply Rle_trans with ((1 + u) ^ S (sum_depth n) - 1).
    + apply Rplus_le_compat_r. apply Rle_pow. lra. exact (canonical_depth n 1 Hn).
    + now apply growth_gamma.
Qed.
End Formats.
