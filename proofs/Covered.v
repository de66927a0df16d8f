(* N4: what bound/mod.rs and bound/weights.rs compute in binary64 is at least what Reported.v asks for.

   The formulas are trees (Evaluated.v) over the numbers that the code has: centres, radii, the largest shares and the widths.
     term_tree, total_tree, rounding_covered   the roundings, to 1/1000 of themselves;
     mean_term, mean_covered, denoised_covered 1.01 (sum + what the last operations round) as computed is at least that of Reported.v's mean_reported;
     share_tree, share_covered                 likewise 1.01 (width + highest rounding).
   The numbers w, eta are those of binary64; big_eta half the smallest number of the format that is evaluated. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Evaluated Reported.
Open Scope R_scope.

Section Covered.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables w eta : R.
Hypothesis w_range : 0 <= w <= / 1000000.
Hypothesis eta_pos : 0 <= eta.
Hypothesis rnd_pos : forall z, 0 <= z -> 0 <= rnd z.
Hypothesis product : forall z, 0 <= z -> (1 - w) * z - eta <= rnd z.
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= w * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Notation good := (Evaluated.good format).
Notation float := (Evaluated.float rnd).
Notation under := (Evaluated.under eta).
Notation depth := Evaluated.depth.
Lemma w_below : 0 <= w < 1. Proof. lra. Qed.
Let positive f (G : good f) := float_pos rnd format w w_below rnd_pos format_opp format_rnd f G.

Lemma relative f : good f -> INR (depth f) * w <= / 10000 -> under f <= real f / 10000 -> 9998 / 10000 * real f <= float f.
Proof.
  intros G D U. assert (Ev := evaluated rnd format w eta w_below eta_pos rnd_pos product addition format_opp format_rnd f G).
  assert (B := bernoulli w w_below (depth f)). assert (R0 := real_pos format w w_below f G).
  assert (9999 / 10000 * real f <= (1 - w) ^ depth f * real f) by (apply Rmult_le_compat_r; lra). lra.
Qed.

(* A sum over the components in the order of the code: one accumulator, blocks one after another. *)
Variable size : nat -> nat.
Variable b : nat.
Notation dsum := (Sums.dsum size b).
Fixpoint row (start : formula) (g : nat -> formula) (n : nat) : formula := match n with O => start | S j => Plus (row start g j) (g j) end.
Fixpoint all (g : nat -> nat -> formula) (c : nat) : formula := match c with O => row (Number 0) (g 0%nat) (size 0) | S c' => row (all g c') (g c) (size c) end.
Fixpoint elements (c : nat) : nat := match c with O => size 0 | S c' => (elements c' + size c)%nat end.

Lemma row_real start g n : real (row start g n) = real start + rsum n (fun j => real (g j)).
Proof. induction n as [|n IH]; simpl. lra. rewrite IH. lra. Qed.
Lemma all_real g : real (all g b) = dsum (fun i j => real (g i j)).
Proof.
  assert (A : forall c, real (all g c) = Sums.dsum size c (fun i j => real (g i j))); [|apply A].
  induction c as [|c IH]; cbn [all]; rewrite row_real. unfold Sums.dsum. simpl. lra. rewrite IH. reflexivity.
Qed.
Lemma row_under start g n : under (row start g n) = under start + rsum n (fun j => under (g j)).
Proof. induction n as [|n IH]; simpl. lra. rewrite IH. lra. Qed.
Lemma all_under g : under (all g b) = dsum (fun i j => under (g i j)).
Proof.
  assert (A : forall c, under (all g c) = Sums.dsum size c (fun i j => under (g i j))); [|apply A].
  induction c as [|c IH]; cbn [all]; rewrite row_under. unfold Sums.dsum. simpl. lra. rewrite IH. reflexivity.
Qed.
Lemma row_good start g n : good start -> (forall j, (j < n)%nat -> good (g j)) -> good (row start g n).
Proof. intros G. induction n as [|n IH]; intros H; simpl. exact G. split. apply IH. intros; apply H; lia. apply H. lia. Qed.
Hypothesis format_0 : format 0.
Lemma all_good g : (forall i j, (i <= b)%nat -> (j < size i)%nat -> good (g i j)) -> good (all g b).
Proof.
  intros H. assert (A : forall c, (c <= b)%nat -> good (all g c)); [|apply A; lia].
  induction c as [|c IH]; intros Hc; cbn [all]; apply row_good; auto. split. lra. exact format_0. apply IH. lia.
Qed.
Lemma row_depth start g n k : (forall j, (j < n)%nat -> (depth (g j) <= k)%nat) -> (depth (row start g n) <= Nat.max (depth start) k + n)%nat.
Proof. induction n as [|n IH]; intros H; simpl. lia. assert (A := IH ltac:(intros; apply H; lia)). assert (B := H n ltac:(lia)). lia. Qed.
Lemma all_depth g k : (forall i j, (i <= b)%nat -> (j < size i)%nat -> (depth (g i j) <= k)%nat) -> (depth (all g b) <= k + elements b)%nat.
Proof.
  intros H. assert (A : forall c, (c <= b)%nat -> (depth (all g c) <= k + elements c)%nat); [|apply A; lia].
  induction c as [|c IH]; intros Hc; cbn [all elements].
  - assert (D := row_depth (Number 0) (g 0%nat) (size 0) k ltac:(intros; apply H; lia)). simpl in D. lia.
  - assert (D := row_depth (all g c) (g (S c)) (size (S c)) k ltac:(intros; apply H; lia)). specialize (IH ltac:(lia)). lia.
Qed.

(* The numbers of the code. *)
Variables U count peak factor c : R.
Variables centre radius hi wd t r reach : nat -> nat -> R.
Hypothesis factor_is : 101 / 100 <= factor <= 102 / 100 /\ format factor.
Hypothesis U_is : 0 <= U <= 1 /\ format U /\ format (2 * U) /\ 1000000 * eta <= U.
Hypothesis count_is : 1 <= count /\ format count.
Hypothesis constants : format 1 /\ format 2 /\ format 6 /\ format 1200 /\ format (blocks b).
Hypothesis peak_is : format peak /\ format c.
Hypothesis leaves : forall i j, format (centre i j) /\ (0 <= radius i j /\ format (radius i j)) /\ (0 <= hi i j <= 1 /\ format (hi i j))
  /\ (0 <= wd i j /\ format (wd i j)) /\ (format (t i j) /\ format (Rabs (t i j))) /\ (0 <= r i j /\ format (r i j)) /\ (0 <= reach i j /\ format (reach i j)).
Hypothesis peak_above : forall i j, (i <= b)%nat -> (j < size i)%nat -> centre i j <= peak.
Hypothesis hi_sum : 9 / 10 <= dsum hi.
Hypothesis few : INR (elements b + 100) * w <= / 10000 /\ INR (elements b + 100) * eta <= U / 100000.

(* bound/weights.rs. *)
Definition below_tree (i j : nat) : formula := Plus (Least (Distance peak (centre i j)) 1200) (Times (Number 2) (Least (Number (radius i j)) 1)).
Definition term_tree (i j : nat) : formula :=
  Times (Times (Number factor) (Number U)) (Plus (Plus (Plus (below_tree i j) (Number count)) (Number 6)) (Times (Number 6) (Number (blocks b)))).
Definition term_computed (i j : nat) : R := float (term_tree i j).
Definition total_tree : formula := Times (all (fun i j => Times (Number (term_computed i j)) (Number (hi i j))) b) (Number factor).
Definition total_computed : R := float total_tree.
Definition rounding_tree (i j : nat) : formula := Plus (Plus (Number (term_computed i j)) (Number total_computed)) (Number (2 * U)).
Definition rounding_computed (i j : nat) : R := float (rounding_tree i j).
Notation term_rounding := (Reported.term_rounding b U count peak centre radius).
Notation of_total := (Reported.of_total size b U count peak centre radius hi).
Notation rounding := (Reported.rounding size b U count peak centre radius hi).

Lemma blocks_1 : 1 <= blocks b.
Proof. unfold blocks. generalize (pos_INR b). lra. Qed.
Lemma depth_small n : (n <= elements b + 100)%nat -> INR n * w <= / 10000.
Proof. intros H. apply le_INR in H. apply Rle_trans with (2 := proj1 few). apply Rmult_le_compat_r; lra. Qed.
Lemma term_good i j : good (term_tree i j).
Proof.
  assert (B := blocks_1). destruct (leaves i j) as [L1 [L2 _]]. simpl. repeat split; try tauto; try lra.
Qed.
Lemma term_covered i j : (i <= b)%nat -> (j < size i)%nat -> 9998 / 10000 * term_rounding i j <= term_computed i j /\ U <= term_computed i j.
Proof.
  intros Hi Hj. assert (G := term_good i j). assert (B1 := blocks_1). assert (Pk := peak_above i j Hi Hj). destruct (leaves i j) as [L1 [L2 _]].
  assert (M1 : 0 <= Rmin (Rabs (peak - centre i j)) 1200) by (apply Rmin_glb; [apply Rabs_pos|lra]).
  assert (M2 : 0 <= Rmin (radius i j) 1) by (apply Rmin_glb; lra).
  assert (R : real (term_tree i j) = factor * U * (Rmin (Rabs (peak - centre i j)) 1200 + 2 * Rmin (radius i j) 1 + count + 6 + 6 * blocks b)) by reflexivity.
  assert (D : depth (term_tree i j) = 7%nat) by reflexivity.
  set (S := Rmin (Rabs (peak - centre i j)) 1200 + 2 * Rmin (radius i j) 1 + count + 6 + 6 * blocks b) in *.
  assert (S13 : 13 <= S) by (unfold S; lra).
  assert (US : U * 13 <= U * S) by (apply Rmult_le_compat_l; lra).
  assert (FS : 101 / 100 * (U * S) <= factor * U * S) by (rewrite Rmult_assoc; apply Rmult_le_compat_r; lra).
  assert (Un : under (term_tree i j) <= real (term_tree i j) / 10000).
  { rewrite R. cbn [Evaluated.under term_tree below_tree real]. fold S.
    assert (Z : forall x, (0 * x + x * 0 + eta) = eta) by (intros; ring).
    replace (under (term_tree i j)) with (eta * S + factor * U * (2 * eta) + eta).
    2: { unfold term_tree, below_tree. cbn [Evaluated.under real]. unfold S. ring. }
    assert (eta * S <= U * S / 1000000) by (assert (1000000 * eta * S <= U * S) by (apply Rmult_le_compat_r; lra); lra).
    assert (factor * U * (2 * eta) <= 102 / 100 * 1 * (2 * eta)).
    { apply Rmult_le_compat_r. lra. apply Rmult_le_compat; lra. }
    lra. }
  assert (Rel := relative (term_tree i j) G ltac:(rewrite D; apply depth_small; lia) Un). fold (term_computed i j) in Rel. rewrite R in Rel.
  split.
  - apply Rle_trans with (2 := Rel). apply Rmult_le_compat_l. lra. unfold Reported.term_rounding, Reported.below.
    replace (Rmin (peak - centre i j) 1200 + 2 * Rmin (radius i j) 1 + count + 6 + 6 * blocks b) with S. rewrite Rmult_assoc. exact FS.
    unfold S. rewrite (Rabs_pos_eq (peak - centre i j)) by lra. reflexivity.
  - lra.
Qed.
Lemma term_format i j : 0 <= term_computed i j /\ format (term_computed i j).
Proof. apply positive, term_good. Qed.

Lemma total_good : good total_tree.
Proof.
  split. apply all_good. intros i j _ _. destruct (leaves i j) as [_ [_ [L3 _]]]. simpl. generalize (term_format i j). tauto. simpl. split. lra. tauto.
Qed.
Lemma total_format : 0 <= total_computed /\ format total_computed.
Proof. apply positive, total_good. Qed.
Lemma total_covered : 9995 / 10000 * of_total <= total_computed.
Proof.
  set (g := fun i j => Times (Number (term_computed i j)) (Number (hi i j))).
  assert (R : real total_tree = dsum (fun i j => term_computed i j * hi i j) * factor) by (unfold total_tree; cbn [real]; now rewrite all_real).
  set (X := dsum (fun i j => term_computed i j * hi i j)) in *.
  assert (X1 : 9998 / 10000 * dsum (fun i j => term_rounding i j * hi i j) <= X).
  { unfold X. rewrite Rmult_comm, <- dsum_scal_r. apply dsum_le. intros i j Hi Hj. destruct (leaves i j) as [_ [_ [L3 _]]]. destruct (term_covered i j Hi Hj) as [T _].
    replace (term_rounding i j * hi i j * (9998 / 10000)) with (9998 / 10000 * term_rounding i j * hi i j) by ring. apply Rmult_le_compat_r; lra. }
  assert (X2 : U * (9 / 10) <= X).
  { apply Rle_trans with (U * dsum hi). apply Rmult_le_compat_l; lra. unfold X. rewrite Rmult_comm, <- dsum_scal_r. apply dsum_le. intros i j Hi Hj.
    destruct (leaves i j) as [_ [_ [L3 _]]]. destruct (term_covered i j Hi Hj) as [_ T]. rewrite Rmult_comm. apply Rmult_le_compat_r; lra. }
  assert (Cn : forall c, Sums.dsum size c (fun _ _ => eta) = INR (elements c) * eta).
  { assert (Q : forall n, rsum n (fun _ => eta) = INR n * eta) by (induction n as [|n IH]; [simpl; lra|rewrite S_INR; cbn [rsum]; rewrite IH; lra]).
    induction c0 as [|c0 IH]. unfold Sums.dsum. cbn [rsum elements]. rewrite Q. lra.
    change (Sums.dsum size (S c0) (fun _ _ => eta)) with (Sums.dsum size c0 (fun _ _ => eta) + rsum (size (S c0)) (fun _ => eta)).
    rewrite IH, Q. cbn [elements]. rewrite plus_INR. ring. }
  assert (Un : under total_tree <= real total_tree / 10000).
  { unfold total_tree at 1. cbn [Evaluated.under real]. rewrite all_under, all_real. cbn [Evaluated.under real].
    rewrite (dsum_ext b (fun i j => 0 * hi i j + term_computed i j * 0 + eta) (fun _ _ => eta)) by (intros; ring). rewrite Cn, R. fold X.
    assert (F := proj2 few). rewrite plus_INR in F. simpl (INR 100) in F. assert (Pe := pos_INR (elements b)).
    assert (0 <= INR (elements b) * eta) by (apply Rmult_le_pos; lra).
    assert (INR (elements b) * eta * factor <= INR (elements b) * eta * (102 / 100)) by (apply Rmult_le_compat_l; lra).
    assert (X * (101 / 100) <= X * factor) by (apply Rmult_le_compat_l; lra). lra. }
  assert (D : (depth total_tree <= elements b + 100)%nat).
  { unfold total_tree. cbn [depth]. assert (A := all_depth g 1 ltac:(intros; unfold g; simpl; lia)). unfold g in A. lia. }
  assert (Rel := relative total_tree total_good (depth_small _ D) Un). fold total_computed in Rel. rewrite R in Rel. unfold Reported.of_total.
  assert (X * (101 / 100) <= X * factor) by (apply Rmult_le_compat_l; lra). lra.
Qed.
Theorem rounding_covered i j : (i <= b)%nat -> (j < size i)%nat -> rounding i j <= 1001 / 1000 * rounding_computed i j.
Proof.
  intros Hi Hj. destruct (term_covered i j Hi Hj) as [T T0]. assert (TT := total_covered). destruct (term_format i j) as [P1 F1]. destruct total_format as [P2 F2].
  assert (G : good (rounding_tree i j)) by (simpl; repeat split; try tauto; lra).
  assert (Rel := relative (rounding_tree i j) G ltac:(apply depth_small; simpl; lia) ltac:(simpl; lra)). fold (rounding_computed i j) in Rel.
  cbn [rounding_tree real] in Rel. unfold Reported.rounding. lra.
Qed.
Lemma rounding_format i j : 0 <= rounding_computed i j /\ format (rounding_computed i j).
Proof.
  apply positive. destruct (term_format i j). destruct total_format. simpl. repeat split; try tauto; lra.
Qed.
(* bound/mod.rs. [lost] is 8 blocks times the smallest number, which is exact. *)
Variables big_eta lost : R.
Hypothesis lost_is : eta <= big_eta /\ lost = 8 * blocks b * (2 * big_eta) /\ format lost.
Hypothesis some : (0 < size 0)%nat.
Definition size_tree (i j : nat) : formula := Plus (Number (Rabs (t i j))) (Number (r i j)).
Definition mean_term (i j : nat) : formula :=
  Plus (Plus (Times (Number (wd i j)) (Distance (t i j) c))
             (Times (Number (hi i j)) (Plus (Number (r i j)) (Times (size_tree i j) (Number (rounding_computed i j))))))
       (Times (Number lost) (Plus (Plus (Number 1) (size_tree i j)) (Number (reach i j)))).
Hypothesis c_size : format (Rabs c).

Lemma mean_term_good i j : good (mean_term i j).
Proof.
  destruct (rounding_format i j) as [P F]. destruct (leaves i j) as [L1 [L2 [L3 [L4 [L5 [L6 L7]]]]]]. assert (B := blocks_1). destruct lost_is as [E1 [E2 E3]].
  assert (0 <= lost) by (rewrite E2; apply Rmult_le_pos; lra). simpl. repeat split; try tauto; try lra; apply Rabs_pos.
Qed.
(* What is left of a tree that ends in a sum of this mean and something small: [tail_tree] is U times what the last operations round. *)
Section Mean.
Variable tail_tree : formula.
Variable tail_real : R.
Hypothesis tail_good : good tail_tree.
Hypothesis tail_depth : (depth tail_tree <= 6)%nat.
Hypothesis tail_is : real tail_tree = tail_real.
Hypothesis tail_under : under tail_tree <= 2 * eta.
Lemma sum_covered : 1001 / 1000 * mean_reported big_eta size b U count peak centre radius hi wd t r reach c + tail_real
  <= rnd (factor * float (Plus (all mean_term b) tail_tree)).
Proof.
  set (tree := Plus (all mean_term b) tail_tree).
  assert (B := blocks_1). destruct lost_is as [E1 [E2 E3]]. assert (Lp : 16 * eta <= lost).
  { rewrite E2. assert (1 * big_eta <= blocks b * big_eta) by (apply Rmult_le_compat_r; lra). lra. }
  assert (G : good tree).
  { split. apply all_good. intros; apply mean_term_good. exact tail_good. }
  assert (D : (depth tree <= elements b + 100)%nat).
  { unfold tree. cbn [Evaluated.depth]. assert (A := all_depth mean_term 6 ltac:(intros; simpl; lia)). lia. }
  assert (C := covered rnd format w eta w_below eta_pos rnd_pos product addition format_opp format_rnd tree factor G ltac:(lra) ltac:(lra) (depth_small _ D)).
  apply Rle_trans with (2 := C).
  set (size_of := fun i j => Rabs (t i j) + r i j).
  set (X := dsum (fun i j => wd i j * Rabs (t i j - c) + hi i j * (r i j + size_of i j * rounding_computed i j))).
  set (Y := dsum (fun i j => lost * (1 + size_of i j + reach i j))). set (n := dsum (fun _ _ => eta)).
  assert (Cp : 0 <= tail_real) by (rewrite <- tail_is; apply (real_pos format w w_below); exact tail_good).
  assert (R : real tree = X + Y + tail_real).
  { unfold tree. cbn [real]. rewrite all_real, tail_is. unfold X, Y. rewrite <- dsum_plus. f_equal. }
  assert (Un : under tree <= 4 * n + 2 * eta).
  { unfold tree. cbn [Evaluated.under real]. rewrite all_under.
    assert (dsum (fun i j => under (mean_term i j)) <= 4 * n); [|lra]. unfold n. rewrite Rmult_comm, <- dsum_scal_r. apply dsum_le. intros i j _ _.
    destruct (leaves i j) as [_ [_ [L3 _]]]. unfold mean_term, size_tree. cbn [Evaluated.under real].
    assert (hi i j * eta <= 1 * eta) by (apply Rmult_le_compat_r; lra).
    match goal with |- ?v <= _ => replace v with (3 * eta + hi i j * eta) by ring end. lra. }
  assert (N1 : eta <= n).
  { apply (Weights.dsum_member size b (fun _ _ => eta) 0 0). auto. split. lia. exact some. }
  assert (Y1 : 16 * n <= Y).
  { unfold n, Y. rewrite Rmult_comm, <- dsum_scal_r. apply dsum_le. intros i j _ _. destruct (leaves i j) as [_ [_ [_ [_ [_ [L6 L7]]]]]].
    assert (lost * 1 <= lost * (1 + size_of i j + reach i j)); [|lra]. apply Rmult_le_compat_l. lra. unfold size_of. generalize (Rabs_pos (t i j)). lra. }
  assert (X0 : 0 <= X).
  { unfold X. apply dsum_nonneg. intros i j _ _. destruct (leaves i j) as [_ [_ [L3 [L4 [_ [L6 _]]]]]]. destruct (rounding_format i j) as [P _].
    assert (0 <= wd i j * Rabs (t i j - c)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]).
    assert (0 <= size_of i j * rounding_computed i j) by (apply Rmult_le_pos; [unfold size_of; generalize (Rabs_pos (t i j)); lra|exact P]).
    assert (0 <= hi i j * (r i j + size_of i j * rounding_computed i j)) by (apply Rmult_le_pos; lra). lra. }
  assert (M : mean_reported big_eta size b U count peak centre radius hi wd t r reach c <= 1001 / 1000 * X + / 4 * Y).
  { unfold mean_reported, X, Y. rewrite (Rmult_comm (1001 / 1000)), (Rmult_comm (/ 4)), <- !dsum_scal_r, <- dsum_plus. apply dsum_le. intros i j Hi Hj.
    destruct (leaves i j) as [_ [_ [L3 [L4 [_ [L6 _]]]]]]. assert (Rc := rounding_covered i j Hi Hj). fold (size_of i j).
    assert (0 <= wd i j * Rabs (t i j - c)) by (apply Rmult_le_pos; [lra|apply Rabs_pos]).
    assert (S0 : 0 <= size_of i j) by (unfold size_of; generalize (Rabs_pos (t i j)); lra).
    assert (size_of i j * Reported.rounding size b U count peak centre radius hi i j <= size_of i j * (1001 / 1000 * rounding_computed i j)) by (apply Rmult_le_compat_l; assumption).
    assert (hi i j * (r i j + size_of i j * Reported.rounding size b U count peak centre radius hi i j) <= hi i j * ((r i j + size_of i j * rounding_computed i j) * (1001 / 1000))).
    { apply Rmult_le_compat_l; lra. }
    rewrite E2. lra. }
  rewrite R. assert (Q : 9999 / 10000 <= 1 - INR (depth tree) * w) by (generalize (depth_small _ D); lra).
  assert (V : under tree / (1 - INR (depth tree) * w) <= (4 * n + 2 * eta) * (10001 / 9999)).
  { apply (Rmult_le_reg_r (1 - INR (depth tree) * w)). lra. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert ((4 * n + 2 * eta) * (10001 / 9999) * (9999 / 10000) <= (4 * n + 2 * eta) * (10001 / 9999) * (1 - INR (depth tree) * w)) by (apply Rmult_le_compat_l; lra). lra. }
  lra.
Qed.
End Mean.

(* The score: 2 U |c| for the division. *)
Definition mean_tail : formula := Times (Number (2 * U)) (Number (Rabs c)).
Definition mean_computed : R := rnd (factor * float (Plus (all mean_term b) mean_tail)).
Theorem mean_covered : 1001 / 1000 * mean_reported big_eta size b U count peak centre radius hi wd t r reach c + 2 * U * Rabs c <= mean_computed.
Proof.
  apply (sum_covered mean_tail).
  - simpl. repeat split; try tauto; try lra. apply Rabs_pos.
  - simpl. lia.
  - reflexivity.
  - simpl. lra.
Qed.
(* The denoiser: its origin is added. *)
Section Denoised.
Variable origin : R.
Hypothesis origin_is : format origin /\ format 3.
Definition denoised_tail : formula := Times (Number U) (Plus (Times (Number 3) (Number (Rabs c))) (Distance origin (- c))).
Definition denoised_computed : R := rnd (factor * float (Plus (all mean_term b) denoised_tail)).
Theorem denoised_covered : 1001 / 1000 * mean_reported big_eta size b U count peak centre radius hi wd t r reach c
  + U * (3 * Rabs c + Rabs (origin + c)) <= denoised_computed.
Proof.
  apply (sum_covered denoised_tail).
  - simpl. repeat split; try tauto; try lra. apply Rabs_pos. apply format_opp. tauto.
  - simpl. lia.
  - simpl. now replace (origin - - c) with (origin + c) by ring.
  - simpl. assert (U * eta <= 1 * eta) by (apply Rmult_le_compat_r; lra). lra.
Qed.
End Denoised.

(* A responsibility: the width with what lies below the normal range. *)
Definition share_tree (i j : nat) : formula := Plus (Number (wd i j)) (Times (Number (hi i j)) (Number (rounding_computed i j))).
Definition share_computed (i j : nat) : R := rnd (factor * float (share_tree i j)).
Theorem share_covered i j v : (i <= b)%nat -> (j < size i)%nat -> 0 <= v -> v + 7 * big_eta <= wd i j ->
  v + 2 * (2 * big_eta) + hi i j * rounding i j <= share_computed i j.
Proof.
  intros Hi Hj V0 V. destruct lost_is as [E1 _]. destruct (rounding_format i j) as [P F]. destruct (leaves i j) as [L1 [L2 [L3 [L4 _]]]].
  assert (G : good (share_tree i j)) by (simpl; tauto).
  assert (C := covered rnd format w eta w_below eta_pos rnd_pos product addition format_opp format_rnd (share_tree i j) factor G ltac:(lra) ltac:(lra)
    (depth_small (depth (share_tree i j)) ltac:(simpl; lia))).
  fold (share_computed i j) in C. apply Rle_trans with (2 := C).
  assert (U1 : under (share_tree i j) = eta) by (unfold share_tree; cbn [Evaluated.under real]; ring). rewrite U1.
  change (real (share_tree i j)) with (wd i j + hi i j * rounding_computed i j).
  assert (Rc := rounding_covered i j Hi Hj). assert (H : hi i j * rounding i j <= hi i j * (1001 / 1000 * rounding_computed i j)) by (apply Rmult_le_compat_l; lra).
  assert (0 <= hi i j * rounding_computed i j) by (apply Rmult_le_pos; lra).
  assert (Q := depth_small (depth (share_tree i j)) ltac:(simpl; lia)).
  assert (W : eta / (1 - INR (depth (share_tree i j)) * w) <= eta * (10001 / 9999)).
  { apply (Rmult_le_reg_r (1 - INR (depth (share_tree i j)) * w)). lra. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (eta * (10001 / 9999) * (9999 / 10000) <= eta * (10001 / 9999) * (1 - INR (depth (share_tree i j)) * w)) by (apply Rmult_le_compat_l; lra). lra. }
  lra.
Qed.
End Covered.
