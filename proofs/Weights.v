(* N4: how far shares and means move when the logits do, as src/law/bound/weights.rs and bound/mod.rs count it.

   The logits l i j and L i j both lie within radius i j of centre i j. high and low are e^(centre +- radius).
     share_between   a share of either lies between low/(low + the others' high) and high/(high + the others' low); width is the difference;
     mean_moved      sum share' y' and sum share y differ by at most sum width |y - c| + sum highest |y' - y|, for any c, since both
                     families of shares sum to one;
     log_moved       ln sum e^l and ln sum e^L differ by at most sum (high - low) / sum low. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near.
Open Scope R_scope.

Lemma rsum_member n f k : (forall j, (j < n)%nat -> 0 <= f j) -> (k < n)%nat -> f k <= rsum n f.
Proof.
  induction n as [|n IH]; intros H Hk. lia. simpl. assert (Pn := H n ltac:(lia)). destruct (Nat.eq_dec k n) as [->|Hne].
  assert (0 <= rsum n f) by (apply rsum_nonneg; intros; apply H; lia). lra.
  assert (f k <= rsum n f) by (apply IH; [intros; apply H|]; lia). lra.
Qed.

Section Weights.
Variable size : nat -> nat.
Variable b : nat.
Notation dsum := (Sums.dsum size b).
Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).

Lemma dsum_member f i j : (forall i j, 0 <= f i j) -> inside i j -> f i j <= dsum f.
Proof.
  intros H [Hi Hj]. apply Rle_trans with (rsum (size i) (f i)). now apply rsum_member.
  apply (rsum_member (S b) (fun i => rsum (size i) (f i))). intros. now apply rsum_nonneg. lia.
Qed.

Definition softmax (l : nat -> nat -> R) (i j : nat) : R := exp (l i j) / dsum (fun i j => exp (l i j)).

Variables centre radius : nat -> nat -> R.
Definition high (i j : nat) : R := exp (centre i j + radius i j).
Definition low (i j : nat) : R := exp (centre i j - radius i j).
Definition others (f : nat -> nat -> R) (i j : nat) : R := dsum f - f i j.
Definition highest (i j : nat) : R := high i j / (high i j + others low i j).
Definition lowest (i j : nat) : R := low i j / (low i j + others high i j).
Definition width (i j : nat) : R := highest i j - lowest i j.
Definition within (l : nat -> nat -> R) : Prop := forall i j, Rabs (l i j - centre i j) <= radius i j.

Lemma between l i j : within l -> low i j <= exp (l i j) <= high i j.
Proof. intros H. specialize (H i j). apply Rabs_le_inv in H. split; apply exp_le; lra. Qed.
Lemma others_le f g i j : (forall i j, f i j <= g i j) -> inside i j -> others f i j <= others g i j.
Proof.
  intros H Hij. unfold others. assert (D := dsum_member (fun i j => g i j - f i j) i j ltac:(intros; generalize (H i0 j0); lra) Hij).
  cbv beta in D. rewrite (dsum_minus b g f) in D. lra.
Qed.
Lemma others_pos f i j : (forall i j, 0 <= f i j) -> inside i j -> 0 <= others f i j.
Proof. intros H Hij. unfold others. generalize (dsum_member f i j H Hij). lra. Qed.

Lemma fraction_le x y p q : 0 < x -> x <= y -> 0 <= q -> q <= p -> x / (x + p) <= y / (y + q).
Proof.
  intros Hx Hy Hq Hp. apply (Rmult_le_reg_r ((x + p) * (y + q))). apply Rmult_lt_0_compat; lra.
  replace (x / (x + p) * ((x + p) * (y + q))) with (x * (y + q)) by (field; lra).
  replace (y / (y + q) * ((x + p) * (y + q))) with (y * (x + p)) by (field; lra).
  assert (x * q <= y * p) by (apply Rmult_le_compat; lra). lra.
Qed.
Lemma softmax_is l i j : softmax l i j = exp (l i j) / (exp (l i j) + others (fun i j => exp (l i j)) i j).
Proof. unfold softmax, others. f_equal. ring. Qed.

Theorem share_between l i j : within l -> inside i j -> lowest i j <= softmax l i j <= highest i j.
Proof.
  intros H Hij. rewrite softmax_is. assert (B := fun i j => between l i j H).
  assert (Pl : forall i j, 0 <= low i j) by (intros; left; apply exp_pos).
  assert (Pe : forall i j, 0 <= exp (l i j)) by (intros; left; apply exp_pos).
  split; apply fraction_le; try apply exp_pos; try apply B; try (apply others_pos; assumption);
    apply others_le; try assumption; intros; apply B.
Qed.

Lemma mass_pos l i j : inside i j -> 0 < dsum (fun i j => exp (l i j)).
Proof.
  intros Hij. apply Rlt_le_trans with (2 := dsum_member (fun i j => exp (l i j)) i j ltac:(intros; left; apply exp_pos) Hij). apply exp_pos.
Qed.
Lemma softmax_sum l i j : inside i j -> dsum (softmax l) = 1.
Proof.
  intros Hij. unfold softmax, Rdiv. rewrite dsum_scal_r. apply Rinv_r. generalize (mass_pos l i j Hij). lra.
Qed.
Lemma softmax_pos l i j : inside i j -> 0 < softmax l i j.
Proof. intros Hij. apply Rdiv_lt_0_compat. apply exp_pos. now apply (mass_pos l i j). Qed.

Hypothesis some : inside 0%nat 0%nat.

Theorem mean_moved l L y y' c : within l -> within L ->
  Rabs (dsum (fun i j => softmax l i j * y' i j) - dsum (fun i j => softmax L i j * y i j))
  <= dsum (fun i j => width i j * Rabs (y i j - c)) + dsum (fun i j => highest i j * Rabs (y' i j - y i j)).
Proof.
  intros Hl HL.
  replace (_ - _) with (dsum (fun i j => (softmax l i j - softmax L i j) * (y i j - c) + softmax l i j * (y' i j - y i j))).
  - apply Rle_trans with (1 := dsum_abs _ _). rewrite <- dsum_plus. apply dsum_le. intros i j Hi Hj.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult.
    assert (B1 := share_between l i j Hl (conj Hi Hj)). assert (B2 := share_between L i j HL (conj Hi Hj)).
    apply Rplus_le_compat; apply Rmult_le_compat_r; try apply Rabs_pos.
    + apply Rabs_le. unfold width. lra.
    + rewrite Rabs_pos_eq. apply B1. left. now apply softmax_pos.
  - assert (S1 := softmax_sum l 0 0 some). assert (S2 := softmax_sum L 0 0 some).
    assert (E : dsum (fun i j => (softmax l i j - softmax L i j) * (y i j - c) + softmax l i j * (y' i j - y i j))
      = dsum (fun i j => (softmax l i j * y' i j - softmax L i j * y i j) - (softmax l i j * c - softmax L i j * c))).
    { apply dsum_ext. intros. ring. }
    rewrite E, !dsum_minus, !dsum_scal_r, S1, S2. ring.
Qed.

Theorem log_moved l L : within l -> within L ->
  Rabs (ln (dsum (fun i j => exp (l i j))) - ln (dsum (fun i j => exp (L i j)))) <= dsum (fun i j => high i j - low i j) / dsum low.
Proof.
  intros Hl HL. assert (Pl := mass_pos l 0 0 some). assert (PL := mass_pos L 0 0 some).
  assert (P0 : 0 < dsum low) by (apply (mass_pos (fun i j => centre i j - radius i j) 0 0 some)).
  assert (One : forall l L, within l -> within L -> 0 < dsum (fun i j => exp (l i j)) -> 0 < dsum (fun i j => exp (L i j)) ->
    ln (dsum (fun i j => exp (l i j))) - ln (dsum (fun i j => exp (L i j))) <= dsum (fun i j => high i j - low i j) / dsum low).
  { clear l L Hl HL Pl PL. intros l L Hl HL Pl PL. set (A := dsum (fun i j => exp (l i j))) in *. set (B := dsum (fun i j => exp (L i j))) in *.
    assert (LB : dsum low <= B) by (apply dsum_le; intros; now apply between).
    assert (D : A - B <= dsum (fun i j => high i j - low i j)).
    { unfold A, B. rewrite <- dsum_minus. apply dsum_le. intros i j _ _. generalize (between l i j Hl) (between L i j HL). lra. }
    assert (Pd : 0 <= dsum (fun i j => high i j - low i j)).
    { apply dsum_nonneg. intros i j _ _. generalize (between l i j Hl). lra. }
    apply Rle_trans with (A / B - 1).
    - assert (E : ln A - ln B = ln (A / B)) by (rewrite ln_div by assumption; ring). rewrite E.
      assert (Q : 0 < A / B) by (now apply Rdiv_lt_0_compat). assert (I := exp_ineq1_le (ln (A / B))). rewrite exp_ln in I by assumption. lra.
    - replace (A / B - 1) with ((A - B) / B) by (field; lra). apply Rle_trans with (dsum (fun i j => high i j - low i j) / B).
      + apply Rmult_le_compat_r. left; now apply Rinv_0_lt_compat. assumption.
      + apply Rmult_le_compat_l. assumption. now apply Rinv_le. }
  apply Rabs_le. assert (A1 := One l L Hl HL Pl PL). assert (A2 := One L l HL Hl PL Pl). lra.
Qed.
End Weights.
