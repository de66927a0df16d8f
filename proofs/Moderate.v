(* When the total of the weights is known well enough for Softmax.v, Mixture.v and PointFormats.v: total_moderate says that its relative error
   Phi is at most 1/2 where no component's cost u |l - M| + c is above 1/8 (in binary32, logits within a million of the
   largest) and the rest of underflow, some K smallest numbers, is at most 1/4. *)
Require Import Reals Lra Lia.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Softmax.
Open Scope R_scope.

Theorem total_moderate u eta e tau size l m N b :
  (forall i, (exists j, (j < size i)%nat /\ m i = l i j) /\ forall j, (j < size i)%nat -> l i j <= m i) ->
  (forall i j, (i <= b)%nat -> (j < size i)%nat -> u * Rabs (l i j - largest m b) + cost u e tau N e b <= / 8) ->
  total_rest u eta e tau size N b <= / 4 -> Phi u eta e tau size l m N b <= / 2.
Proof.
  intros Hm Hc Hr. unfold Phi. assert (S := shares_sum size l m Hm b). assert (P := share_pos size l m Hm b).
  assert (X : exp (/ 8) - 1 <= / 4).
  { assert (I := exp_ineq1_le (- / 8)). rewrite exp_Ropp in I. assert (Ep := exp_pos (/ 8)).
    assert (exp (/ 8) * (7 / 8) <= exp (/ 8) * / exp (/ 8)) by (apply Rmult_le_compat_l; lra). rewrite Rinv_r in H; lra. }
  assert (D : Sums.dsum size b (fun i j => share size l m b i j * (exp (u * Rabs (l i j - largest m b) + cost u e tau N e b) - 1))
    <= Sums.dsum size b (fun i j => share size l m b i j * / 4)).
  { apply dsum_le. intros i j Hi Hj. apply Rmult_le_compat_l. left; apply P.
    generalize (exp_le _ _ (Hc i j Hi Hj)). lra. }
  rewrite (dsum_scal_r b (/ 4) (share size l m b)), S in D. lra.
Qed.
