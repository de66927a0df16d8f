(* Single steps of Point.v on Flocq's numbers: quotients, the larger of two, chains from zero, each with the size of what comes out. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Sums Near Softmax Logits Mixture Arithmetic Coefficients Kernels Refinement Formats Point.
Open Scope R_scope.

Section Steps.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation emin := (3 - emax - prec)%Z.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation form := (generic_format radix2 fexp).
Notation A := (ieee f).
Notation float := (binary_float prec emax).
Notation rep := (rep f).
Notation u := (unit_roundoff f).
Notation eta := (half_tiny f).
Notation nu := (Near.nu u).
Notation big := (bpow radix2 (emax - 1)).

Hypothesis eta_small : eta <= / 2.
Hypothesis nu_small : nu <= / 4.

Lemma rep_div x y X Y : rep x X -> rep y Y -> Y <> 0 -> Rabs (X / Y) <= big -> rep (div A x y) (rnd (X / Y)).
Proof.
  intros [Fx <-] [Fy <-] Hy H. generalize (Bdiv_correct prec emax _ _ mode_NE x y Hy). intros T.
  rewrite Rlt_bool_true in T by (change (Rabs (rnd (B2R x / B2R y)) < bpow radix2 emax); now apply top_in_range).
  split. 2: apply T. destruct T as [_ [T _]]. simpl. now rewrite T, Fx.
Qed.
Lemma rep_larger x y X Y : rep x X -> rep y Y -> rep (larger A x y) (Rmax X Y).
Proof.
  intros Hx Hy. unfold larger. rewrite (rep_below f _ _ _ _ Hx Hy). case Rlt_bool_spec; intros H.
  rewrite Rmax_right by lra. assumption. rewrite Rmax_left by lra. assumption.
Qed.
Lemma rep_largest_of (g : nat -> float) G n : (0 < n)%nat -> (forall j, (j < n)%nat -> rep (g j) (G j)) -> rep (largest_of A g n) (top G n).
Proof.
  induction n as [|n IH]; intros Hn H. lia. destruct (Nat.eq_dec n 0) as [->|H0].
  - apply rep_larger; apply H; lia.
  - cbn [largest_of top]. apply rep_larger. apply IH. lia. intros; apply H; lia. apply H. lia.
Qed.
Lemma rep_0 : rep (zero A) 0.
Proof. now split. Qed.

Lemma half_exp x : x <= / 2 -> Rtrigo_def.exp x <= 2.
Proof.
  intros H. apply Rle_trans with (Rtrigo_def.exp (/ 2)). now apply exp_le. assert (I := exp_ineq1_le (- / 2)). rewrite exp_Ropp in I.
  assert (P := exp_pos (/ 2)). assert (Rtrigo_def.exp (/ 2) * (/ 2) <= Rtrigo_def.exp (/ 2) * / Rtrigo_def.exp (/ 2)) by (apply Rmult_le_compat_l; lra).
  rewrite Rinv_r in H0; lra.
Qed.
Lemma nu_exp : 1 <= Rtrigo_def.exp nu <= 4 / 3.
Proof.
  split. apply exp_ge_1. exact (nu_pos u (unit_range f)). apply Rle_trans with (Rtrigo_def.exp (/ 4)). now apply exp_le.
  assert (I := exp_ineq1_le (- / 4)). rewrite exp_Ropp in I. assert (P := exp_pos (/ 4)).
  assert (Rtrigo_def.exp (/ 4) * (3 / 4) <= Rtrigo_def.exp (/ 4) * / Rtrigo_def.exp (/ 4)) by (apply Rmult_le_compat_l; lra).
  rewrite Rinv_r in H; lra.
Qed.
Lemma rounded_size z : Rabs (rnd z) <= (Rabs z + eta) * Rtrigo_def.exp nu.
Proof.
  destruct (Near.rounded rnd u eta (unit_range f) (rounding f) z) as [w [th [Hw [Ht ->]]]]. rewrite Rabs_mult.
  apply Rmult_le_compat; try apply Rabs_pos. apply Rle_trans with (1 := Rabs_triang _ _). lra.
  rewrite Rabs_pos_eq by (left; apply exp_pos). apply exp_le. apply Rabs_le_inv in Ht. lra.
Qed.
(* Twice is enough room for one rounding of a number that may be 1. *)
Lemma rounded_twice z v : Rabs z <= v -> 1 <= v -> Rabs (rnd z) <= 2 * v.
Proof.
  intros H V. apply Rle_trans with (1 := rounded_size z). assert (N := nu_exp). assert (P := half_tiny_pos f).
  apply Rle_trans with ((3 / 2 * v) * (4 / 3)). 2: lra. apply Rmult_le_compat; try lra. generalize (Rabs_pos z). lra.
Qed.

(* One step of a chain: what is rounded, and what comes out. *)
Lemma chain_step n t X y : 0 <= t -> Rabs X <= INR n * (t + eta) * Rtrigo_def.exp (INR n * nu) -> Rabs y <= t ->
  let v := INR (S n) * (t + eta) * Rtrigo_def.exp (INR (S n) * nu) in Rabs (y + X) <= v /\ Rabs (rnd (y + X)) <= v.
Proof.
  intros Ht HX Hy v. assert (N := nu_exp). assert (P := half_tiny_pos f). assert (Pn := pos_INR n).
  assert (Np := nu_pos u (unit_range f)).
  assert (G := exp_ge_1 (INR n * nu) ltac:(now apply Rmult_le_pos)).
  set (g := Rtrigo_def.exp (INR n * nu)) in *.
  assert (V : v = INR (S n) * (t + eta) * g * Rtrigo_def.exp nu).
  { unfold v, g. rewrite S_INR. replace ((INR n + 1) * nu) with (INR n * nu + nu) by ring. rewrite exp_plus. ring. }
  assert (B : Rabs (y + X) + eta <= INR (S n) * (t + eta) * g).
  { rewrite S_INR. assert (1 * (t + eta) <= g * (t + eta)) by (apply Rmult_le_compat_r; lra).
    apply Rle_trans with (t + INR n * (t + eta) * g + eta). generalize (Rabs_triang y X). lra. lra. }
  assert (0 <= INR (S n) * (t + eta) * g) by (generalize (Rabs_pos (y + X)); lra).
  assert (INR (S n) * (t + eta) * g * 1 <= v) by (rewrite V; apply Rmult_le_compat_l; lra).
  split. lra. apply Rle_trans with (1 := rounded_size _). rewrite V. apply Rmult_le_compat_r; lra.
Qed.
Definition chain_room (n : nat) (t : R) : R := INR n * (t + eta) * Rtrigo_def.exp (INR n * nu).
Lemma chain_room_le n m t : 0 <= t -> (n <= m)%nat -> chain_room n t <= chain_room m t.
Proof.
  intros Ht H. apply le_INR in H. unfold chain_room. assert (P := half_tiny_pos f). assert (Pn := pos_INR n).
  assert (Np := nu_pos u (unit_range f)).
  apply Rmult_le_compat. apply Rmult_le_pos; lra. left; apply exp_pos. apply Rmult_le_compat_r; lra. apply exp_le. apply Rmult_le_compat_r; lra.
Qed.
Lemma rep_chain_fma (s y : nat -> float) S Y t n : 0 <= t -> chain_room n t <= big ->
  (forall j, (j < n)%nat -> rep (s j) (S j) /\ rep (y j) (Y j) /\ Rabs (S j * Y j) <= t) ->
  rep (chain_fma A s y n) (chain rnd (fun j => S j * Y j) n) /\ Rabs (chain rnd (fun j => S j * Y j) n) <= chain_room n t.
Proof.
  intros Ht. induction n as [|n IH]; intros Hb H.
  - split. apply rep_0. unfold chain_room. simpl. rewrite Rabs_R0. lra.
  - destruct IH as [IR IB]. apply Rle_trans with (2 := Hb). apply chain_room_le. assumption. lia. intros; apply H; lia.
    destruct (H n ltac:(lia)) as [Rs [Ry B]]. destruct (chain_step n t _ _ Ht IB B) as [B1 B2]. cbn [chain_fma chain]. split; [|exact B2].
    apply (rep_fma f); try assumption. apply Rle_trans with (1 := B1). exact Hb.
Qed.
Lemma rep_chain_add (s : nat -> float) S t n : 0 <= t -> chain_room n t <= big ->
  (forall j, (j < n)%nat -> rep (s j) (S j) /\ Rabs (S j) <= t) ->
  rep (chain_add A s n) (chain rnd S n) /\ Rabs (chain rnd S n) <= chain_room n t.
Proof.
  intros Ht. induction n as [|n IH]; intros Hb H.
  - split. apply rep_0. unfold chain_room. simpl. rewrite Rabs_R0. lra.
  - destruct IH as [IR IB]. apply Rle_trans with (2 := Hb). apply chain_room_le. assumption. lia. intros; apply H; lia.
    destruct (H n ltac:(lia)) as [Rs B]. destruct (chain_step n t _ _ Ht IB B) as [B1 B2]. cbn [chain_add chain]. split; [|exact B2].
    rewrite (Rplus_comm (S n)) in *. apply (rep_add f); try assumption. apply Rle_trans with (1 := B1). exact Hb.
Qed.
(* A half is room enough in the exponent. *)
Lemma chain_room_4 n t : 1 <= t -> INR n * nu <= / 2 -> chain_room n t <= 4 * INR n * t.
Proof.
  intros Ht H. unfold chain_room. assert (X := half_exp _ H). assert (P := half_tiny_pos f). assert (Pn := pos_INR n).
  apply Rle_trans with (INR n * (t + eta) * 2). apply Rmult_le_compat_l. apply Rmult_le_pos; lra. assumption.
  assert (INR n * (t + eta) <= INR n * (2 * t)) by (apply Rmult_le_compat_l; lra). lra.
Qed.
End Steps.
