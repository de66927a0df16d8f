(* E2, E3: the matrix W = a^2 C + s^2 (1 + lambda tau^2) I of the optimal equivariant and invariant denoisers has an inverse.

   solvable              a square system whose form is positive has a solution, by eliminating the last unknown;
   optimum_exists        so A* with W A* = h exists for every right-hand side h, a C of E2 and that of E3 among them;
   optimum_unique        and is the only one. *)
Require Import Reals Lra Lia.
From Tweedie Require Import Sums Equivariance.
Open Scope R_scope.

Definition form (n : nat) (W : mat) (v : vec) : R := rsum n (fun i => v i * rsum n (fun j => W i j * v j)).

Lemma solvable n : forall (W : mat) (h : vec), (forall v, (exists k, (k < n)%nat /\ v k <> 0) -> 0 < form n W v) ->
  exists v, forall k, (k < n)%nat -> rsum n (fun j => W k j * v j) = h k.
Proof.
  induction n as [|n IH]; intros W h Pos. exists (fun _ => 0). intros; lia.
  set (T := W n n).
  assert (HT : 0 < T).
  { assert (P := Pos (fun k => if Nat.eqb k n then 1 else 0) ltac:(exists n; split; [lia|rewrite Nat.eqb_refl; lra])).
    unfold form in P. cbn [rsum] in P. rewrite Nat.eqb_refl in P.
    rewrite (rsum_ext n (fun j => W n j * _) (fun _ => 0)) in P.
    2: { intros j Hj. destruct (Nat.eqb_spec j n). lia. ring. }
    rewrite (rsum_ext n (fun i => _ * _) (fun _ => 0)) in P.
    2: { intros i Hi. destruct (Nat.eqb_spec i n). lia. ring. }
    rewrite rsum_0 in P. unfold T. lra. }
  (* What is left for the other unknowns. *)
  set (W' := fun i j => W i j - W i n * (W n j / T)).
  set (extended := fun (v : vec) (last : R) (k : nat) => if Nat.eqb k n then last else v k).
  assert (Row : forall i v last, rsum (S n) (fun j => W i j * extended v last j) = rsum n (fun j => W i j * v j) + W i n * last).
  { intros i v last. cbn [rsum]. unfold extended at 2. rewrite Nat.eqb_refl. f_equal. apply rsum_ext. intros j Hj. unfold extended.
    destruct (Nat.eqb_spec j n). lia. reflexivity. }
  assert (Left : forall i v, rsum n (fun j => W' i j * v j) = rsum n (fun j => W i j * v j) - W i n * (rsum n (fun j => W n j * v j) / T)).
  { intros i v. unfold W'. rewrite (rsum_ext n _ (fun j => W i j * v j - W i n / T * (W n j * v j))) by (intros; field; lra).
    rewrite rsum_minus, rsum_scal. field. lra. }
  destruct (IH W' (fun i => h i - W i n * (h n / T))) as [v Hv].
  - intros v [k [Hk Vk]]. set (last := - (rsum n (fun j => W n j * v j) / T)).
    assert (P := Pos (extended v last) ltac:(exists k; split; [lia|unfold extended; destruct (Nat.eqb_spec k n); [lia|assumption]])).
    unfold form in P. change (rsum (S n) (fun i => extended v last i * rsum (S n) (fun j => W i j * extended v last j)))
      with (rsum n (fun i => extended v last i * rsum (S n) (fun j => W i j * extended v last j))
            + extended v last n * rsum (S n) (fun j => W n j * extended v last j)) in P.
    rewrite (Row n) in P. replace (rsum n (fun j => W n j * v j) + W n n * last) with 0 in P by (unfold last; fold T; field; lra).
    rewrite Rmult_0_r, Rplus_0_r in P. unfold form.
    rewrite (rsum_ext n _ (fun i => extended v last i * rsum (S n) (fun j => W i j * extended v last j))). exact P.
    intros i Hi. rewrite Row, Left. unfold extended. destruct (Nat.eqb_spec i n). lia. unfold last. ring.
  - set (last := (h n - rsum n (fun j => W n j * v j)) / T). exists (extended v last). intros k Hk. rewrite Row.
    destruct (Nat.eq_dec k n) as [->|Hne].
    + unfold last. fold T. field. lra.
    + assert (Q := Hv k ltac:(lia)). rewrite Left in Q. unfold last.
      replace (rsum n (fun j => W k j * v j)) with (h k - W k n * (h n / T) + W k n * (rsum n (fun j => W n j * v j) / T)) by lra.
      field. lra.
Qed.

Section Optimum.
Variable d : nat.
Variable C : mat.
Variables a s lambda tau2 : R.
Hypothesis Hs : 0 < s.
Hypothesis Hl : 0 <= lambda.
Hypothesis Ht : 0 <= tau2.
Hypothesis Cpsd : psd d C.
Notation W := (inflated C a s lambda tau2).

Lemma positive v : (exists k, (k < d)%nat /\ v k <> 0) -> 0 < dot d v (app d W v).
Proof.
  intros [k [Hk Vk]]. rewrite inflated_form. assert (L := level_pos s lambda tau2 Hs Hl Ht).
  assert (P := Rmult_le_pos _ _ (pow2_ge_0 a) (Cpsd v)). assert (N := dot_nonneg d v).
  destruct N as [N|N]. assert (0 < (s ^ 2 + lambda * tau2 * s ^ 2) * dot d v v) by now apply Rmult_lt_0_compat. lra.
  exfalso. apply Vk. now apply (dot_0 d v).
Qed.

Theorem optimum_exists (h : mat) : exists A : mat, forall i k, (i < d)%nat -> (k < d)%nat -> app d W (A i) k = h i k.
Proof.
  assert (P : forall v, (exists k, (k < d)%nat /\ v k <> 0) -> 0 < form d W v) by exact positive.
  assert (H : forall m, exists A : mat, forall i k, (i < m)%nat -> (k < d)%nat -> app d W (A i) k = h i k).
  { induction m as [|m [A HA]]. exists (fun _ _ => 0). intros; lia.
    destruct (solvable d W (h m) P) as [v Hv]. exists (fun i => if Nat.eqb i m then v else A i). intros i k Hi Hk.
    destruct (Nat.eqb_spec i m) as [->|Hne]. exact (Hv k Hk). apply HA; lia. }
  apply H.
Qed.

Theorem optimum_unique (h A A' : mat) : (forall i k, (i < d)%nat -> (k < d)%nat -> app d W (A i) k = h i k) ->
  (forall i k, (i < d)%nat -> (k < d)%nat -> app d W (A' i) k = h i k) -> forall i k, (i < d)%nat -> (k < d)%nat -> A i k = A' i k.
Proof.
  intros H H' i k Hi Hk. apply Rminus_diag_uniq. destruct (Req_dec (A i k - A' i k) 0) as [|N]; [assumption|exfalso].
  assert (P := positive (fun k => A i k - A' i k) ltac:(now exists k)).
  assert (Z : dot d (fun k => A i k - A' i k) (app d W (fun k => A i k - A' i k)) = 0).
  { rewrite (dot_ext d _ (fun k => A i k - A' i k) _ (fun _ => 0)); auto.
    - unfold dot. rewrite (rsum_ext d _ (fun _ => 0)) by (intros; ring). apply rsum_0.
    - intros l Hll. unfold app. rewrite dot_minus_r. fold (app d W (A i) l) (app d W (A' i) l). rewrite H, H' by assumption. ring. }
  lra.
Qed.
End Optimum.
