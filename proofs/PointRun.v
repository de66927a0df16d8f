(* Point.v with every number computed once, so that Coq can run it on whole mixtures.

   kept        a function's first values in a list, so that nothing is computed twice;
   run         the quantities of Point.v from differences, logits, largest logits and weights that are kept;
   run_score, run_noise, run_denoiser, run_log_density, run_responsibility   run has the very numbers of Point.v;
   PointVectors.v makes the tables and compares with the library. *)
From Coq Require Import List Lia.
Import ListNotations.
From Tweedie Require Import Arithmetic Coefficients Kernels Point.

Section Kept.
Context { X : Type }.
Definition kept (f : nat -> X) (n : nat) : nat -> X :=
  let values := map f (seq 0 n) in
  let other := match values with [] => f 0%nat | v :: _ => v end in
  fun i => nth i values other.
Lemma kept_is f n i : (i < n)%nat -> kept f n i = f i.
Proof.
  intros H. unfold kept. rewrite nth_indep with (d' := f 0%nat) by (rewrite map_length, seq_length; exact H).
  now rewrite map_nth, seq_nth.
Qed.
End Kept.

Section Run.
Variable A : arithmetic.
Notation T := (number A).
Variable C : table T.
Variable size : nat -> nat.
Variables b d : nat.
Variables a s reference : T.
Variables x origin : nat -> T.
Variables mean shifted : nat -> nat -> nat -> T.
Variables offset precision gain : nat -> nat -> T.

Definition kept2 {X} (f : nat -> nat -> X) : nat -> nat -> X := let rows := kept (fun i => kept (f i) (size i)) (S b) in fun i j => rows i j.
Lemma kept2_is {X} (f : nat -> nat -> X) i j : (i <= b)%nat -> (j < size i)%nat -> kept2 f i j = f i j.
Proof. intros Hi Hj. unfold kept2. rewrite kept_is by lia. now apply kept_is. Qed.

Record results := { of_score : nat -> T; of_noise : nat -> T; of_denoiser : nat -> T; of_log_density : T; of_responsibility : nat -> nat -> T }.
Fixpoint overall_of (m : nat -> T) (c : nat) : T := match c with O => m 0%nat | S c' => larger A (overall_of m c') (m c) end.
Fixpoint combined_of (m largest : nat -> T) (part : nat -> T) (c : nat) : T := match c with
  | O => part 0%nat
  | S c' => fma A (combined_of m largest part c') (exp A C (sub A (largest c') (largest c))) (mul A (part c) (exp A C (sub A (m c) (largest c))))
  end.
Definition run : results :=
  let z := kept2 (fun i j => kept (Point.difference A a x mean i j) d) in
  let l := kept2 (fun i j => fma A (neg A (half A)) (mul A (chain_fma A (z i j) (z i j) d) (precision i j)) (offset i j)) in
  let m := kept (fun i => largest_of A (l i) (size i)) (S b) in
  let w := kept2 (fun i j => exp A C (sub A (l i j) (m i))) in
  let largest := kept (overall_of m) (S b) in
  let combine := combined_of m largest in
  let total := combine (fun i => chain_add A (w i) (size i)) b in
  let scaled := kept2 (fun i j => mul A (w i j) (precision i j)) in
  let score := kept (fun k => neg A (div A (combine (fun i => chain_fma A (scaled i) (fun j => z i j k) (size i)) b) total)) d in
  {| of_score := score;
     of_noise := fun k => mul A (neg A s) (score k);
     of_denoiser := fun k => add A (origin k) (div A (combine (fun i => chain_fma A (w i) (fun j => fma A (gain i j) (z i j k) (shifted i j k)) (size i)) b) total);
     of_log_density := add A (add A (largest b) (ln A C total)) reference;
     of_responsibility := fun i j => div A (exp A C (sub A (l i j) (largest b))) total |}.

Lemma chain_fma_ext f f' g g' n : (forall j, (j < n)%nat -> f j = f' j /\ g j = g' j) -> chain_fma A f g n = chain_fma A f' g' n.
Proof. induction n as [|n IH]; intros H. reflexivity. simpl. destruct (H n ltac:(lia)) as [-> ->]. now rewrite IH by (intros; apply H; lia). Qed.
Lemma chain_add_ext f f' n : (forall j, (j < n)%nat -> f j = f' j) -> chain_add A f n = chain_add A f' n.
Proof. induction n as [|n IH]; intros H. reflexivity. simpl. rewrite H, IH; auto. Qed.
Lemma largest_of_ext f f' n : (0 < n)%nat -> (forall j, (j < n)%nat -> f j = f' j) -> largest_of A f n = largest_of A f' n.
Proof.
  induction n as [|n IH]; intros Hn H. lia. simpl. rewrite (H n) by lia. destruct n as [|n]. simpl. now rewrite (H 0%nat) by lia.
  rewrite IH. reflexivity. lia. intros; apply H; lia.
Qed.

Hypothesis sizes : forall i, (0 < size i)%nat.
Section Steps.
Variables (z : nat -> nat -> nat -> T) (l : nat -> nat -> T) (m : nat -> T) (w : nat -> nat -> T) (largest : nat -> T).
Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).
Hypothesis z_is : forall i j k, inside i j -> (k < d)%nat -> z i j k = Point.difference A a x mean i j k.
Lemma logit_is i j : inside i j -> fma A (neg A (half A)) (mul A (chain_fma A (z i j) (z i j) d) (precision i j)) (offset i j)
  = Point.logit A d a x mean offset precision i j.
Proof.
  intros H. unfold logit, distance. do 2 f_equal. apply chain_fma_ext. intros k Hk. now rewrite z_is.
Qed.
Hypothesis l_is : forall i j, inside i j -> l i j = Point.logit A d a x mean offset precision i j.
Lemma largest_is i : (i <= b)%nat -> largest_of A (l i) (size i) = Point.block_largest A size d a x mean offset precision i.
Proof. intros H. apply largest_of_ext. apply sizes. intros j Hj. now apply l_is. Qed.
Hypothesis m_is : forall i, (i <= b)%nat -> m i = Point.block_largest A size d a x mean offset precision i.
Lemma weight_is i j : inside i j -> exp A C (sub A (l i j) (m i)) = Point.weight A C size d a x mean offset precision i j.
Proof. intros H. unfold weight. now rewrite l_is, m_is. Qed.
Lemma overall_is c : (c <= b)%nat -> overall_of m c = Point.overall A size d a x mean offset precision c.
Proof. induction c as [|c IH]; intros H; simpl. now apply m_is. now rewrite IH, m_is by lia. Qed.
Hypothesis largest_kept : forall c, (c <= b)%nat -> largest c = Point.overall A size d a x mean offset precision c.
Lemma combined_is part part' c : (c <= b)%nat -> (forall i, (i <= b)%nat -> part i = part' i) ->
  combined_of m largest part c = Point.combined A C size d a x mean offset precision part' c.
Proof.
  intros Hc H. induction c as [|c IH]. now apply H. cbn [combined_of Point.combined].
  rewrite IH by lia. rewrite (H (S c)), m_is, !largest_kept by lia. reflexivity.
Qed.
End Steps.

Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).
Let z := kept2 (fun i j => kept (Point.difference A a x mean i j) d).
Let l := kept2 (fun i j => fma A (neg A (half A)) (mul A (chain_fma A (z i j) (z i j) d) (precision i j)) (offset i j)).
Let m := kept (fun i => largest_of A (l i) (size i)) (S b).
Let w := kept2 (fun i j => exp A C (sub A (l i j) (m i))).
Let largest := kept (overall_of m) (S b).
Let z_is i j k : inside i j -> (k < d)%nat -> z i j k = Point.difference A a x mean i j k.
Proof. intros [Hi Hj] Hk. unfold z. rewrite kept2_is by assumption. now apply kept_is. Qed.
Let l_is i j : inside i j -> l i j = Point.logit A d a x mean offset precision i j.
Proof. intros [Hi Hj]. unfold l. rewrite kept2_is by assumption. apply (logit_is z z_is). now split. Qed.
Let m_is i : (i <= b)%nat -> m i = Point.block_largest A size d a x mean offset precision i.
Proof. intros H. unfold m. rewrite kept_is by lia. now apply (largest_is l l_is). Qed.
Let w_is i j : inside i j -> w i j = Point.weight A C size d a x mean offset precision i j.
Proof. intros [Hi Hj]. unfold w. rewrite kept2_is by assumption. apply (weight_is l m l_is m_is). now split. Qed.
Let largest_kept c : (c <= b)%nat -> largest c = Point.overall A size d a x mean offset precision c.
Proof. intros H. unfold largest. rewrite kept_is by lia. now apply (overall_is m m_is). Qed.
Let total_is : combined_of m largest (fun i => chain_add A (w i) (size i)) b = Point.total A C size b d a x mean offset precision.
Proof. apply (combined_is m largest m_is largest_kept). lia. intros i Hi. apply chain_add_ext. intros j Hj. now apply w_is. Qed.

Theorem run_score k : (k < d)%nat -> of_score run k = Point.score A C size b d a x mean offset precision k.
Proof.
  intros Hk. change (of_score run k) with (kept (fun k => neg A (div A (combined_of m largest (fun i => chain_fma A (kept2 (fun i j => mul A (w i j)
    (precision i j)) i) (fun j => z i j k) (size i)) b) (combined_of m largest (fun i => chain_add A (w i) (size i)) b))) d k).
  rewrite kept_is by assumption. unfold score. rewrite total_is. do 2 f_equal.
  apply (combined_is m largest m_is largest_kept). lia. intros i Hi. apply chain_fma_ext. intros j Hj.
  rewrite kept2_is by assumption. rewrite w_is, z_is by (repeat split; assumption). now split.
Qed.
Theorem run_noise k : (k < d)%nat -> of_noise run k = Point.noise A C size b d a s x mean offset precision k.
Proof. intros Hk. change (of_noise run k) with (mul A (neg A s) (of_score run k)). now rewrite run_score. Qed.
Theorem run_denoiser k : (k < d)%nat -> of_denoiser run k = Point.denoiser A C size b d a x origin mean shifted offset precision gain k.
Proof.
  intros Hk. change (of_denoiser run k) with (add A (origin k) (div A (combined_of m largest (fun i => chain_fma A (w i)
    (fun j => fma A (gain i j) (z i j k) (shifted i j k)) (size i)) b) (combined_of m largest (fun i => chain_add A (w i) (size i)) b))).
  unfold denoiser. rewrite total_is. do 2 f_equal. apply (combined_is m largest m_is largest_kept). lia. intros i Hi.
  apply chain_fma_ext. intros j Hj. rewrite w_is, z_is by (repeat split; assumption). now split.
Qed.
Theorem run_log_density : of_log_density run = Point.log_density A C size b d a reference x mean offset precision.
Proof.
  change (of_log_density run) with (add A (add A (largest b) (ln A C (combined_of m largest (fun i => chain_add A (w i) (size i)) b))) reference).
  unfold log_density. now rewrite total_is, largest_kept by lia.
Qed.
Theorem run_responsibility i j : (i <= b)%nat -> (j < size i)%nat ->
  of_responsibility run i j = Point.responsibility A C size b d a x mean offset precision i j.
Proof.
  intros Hi Hj. change (of_responsibility run i j) with (div A (exp A C (sub A (l i j) (largest b)))
    (combined_of m largest (fun i => chain_add A (w i) (size i)) b)).
  unfold responsibility. now rewrite total_is, largest_kept, l_is by (repeat split; lia).
Qed.
End Run.
