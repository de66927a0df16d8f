(* From Flocq's numbers to the reals: rep b x says that the finite number b is x, and every operation of the executable
   arithmetic ieee f keeps that, with one rounding of the exact result, where the result is at most 2^(emax - 1).
   factors: two_factors gives the two powers of two whose product is 2^k, for every k that exp asks for. *)
Require Import ZArith Reals Lra Lia List Bool.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic.
Open Scope R_scope.

Section Refinement.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation float := (binary_float prec emax).
Notation fexp := (FLT_exp (3 - emax - prec) prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation A := (ieee f).

Definition rep (b : float) (x : R) : Prop := is_finite b = true /\ B2R b = x.

Lemma top_in_range v : Rabs v <= bpow radix2 (emax - 1) -> Rabs (rnd v) < bpow radix2 emax.
Proof.
  intros H. apply Rle_lt_trans with (bpow radix2 (emax - 1)). 2: apply bpow_lt; lia.
  apply abs_round_le_generic; auto with typeclass_instances.
  apply generic_format_bpow. unfold FLT_exp. red in Hp, He. lia.
Qed.

Ltac use H v := rewrite Rlt_bool_true in H by (change (Rabs (rnd v) < bpow radix2 emax); now apply top_in_range).

Lemma rep_add a b x y : rep a x -> rep b y -> Rabs (x + y) <= bpow radix2 (emax - 1) -> rep (add A a b) (rnd (x + y)).
Proof.
  intros [Fa <-] [Fb <-] H. generalize (Bplus_correct prec emax _ _ mode_NE a b Fa Fb). intros T.
  use T (B2R a + B2R b). split; apply T.
Qed.
Lemma rep_sub a b x y : rep a x -> rep b y -> Rabs (x - y) <= bpow radix2 (emax - 1) -> rep (sub A a b) (rnd (x - y)).
Proof.
  intros [Fa <-] [Fb <-] H. generalize (Bminus_correct prec emax _ _ mode_NE a b Fa Fb). intros T.
  use T (B2R a - B2R b). split; apply T.
Qed.
Lemma rep_mul a b x y : rep a x -> rep b y -> Rabs (x * y) <= bpow radix2 (emax - 1) -> rep (mul A a b) (rnd (x * y)).
Proof.
  intros [Fa <-] [Fb <-] H. generalize (Bmult_correct prec emax _ _ mode_NE a b). intros T.
  use T (B2R a * B2R b). split. 2: apply T. destruct T as [_ [T _]]. simpl. now rewrite T, Fa, Fb.
Qed.
Lemma rep_fma a b c x y z : rep a x -> rep b y -> rep c z -> Rabs (x * y + z) <= bpow radix2 (emax - 1) ->
  rep (fma A a b c) (rnd (x * y + z)).
Proof.
  intros [Fa <-] [Fb <-] [Fc <-] H. generalize (Bfma_correct prec emax _ _ mode_NE a b c Fa Fb Fc). cbv zeta. intros T.
  use T (B2R a * B2R b + B2R c). split; apply T.
Qed.
Lemma rep_neg a x : rep a x -> rep (neg A a) (- x).
Proof. intros [Fa <-]. split. cbn. now rewrite is_finite_Bopp. apply B2R_Bopp. Qed.
Lemma rep_below a b x y : rep a x -> rep b y -> below A a b = Rlt_bool x y.
Proof. intros [Fa <-] [Fb <-]. now apply Bltb_correct. Qed.
Lemma rep_format a x : rep a x -> generic_format radix2 fexp x.
Proof. intros [Fa <-]. apply generic_format_B2R. Qed.

Lemma rep_make m e : (Z.abs m < Zpower radix2 prec)%Z -> (3 - emax - prec <= e)%Z ->
  Rabs (IZR m * bpow radix2 e) <= bpow radix2 (emax - 1) -> rep (make prec emax m e) (IZR m * bpow radix2 e).
Proof.
  intros Hm Hee H. generalize (binary_normalize_correct prec emax _ _ mode_NE m e false). cbv zeta. intros T.
  change (F2R (Float radix2 m e)) with (IZR m * bpow radix2 e) in T.
  use T (IZR m * bpow radix2 e). split. apply T. destruct T as [T _]. unfold make. rewrite T. apply round_generic.
  auto with typeclass_instances. apply generic_format_FLT. exists (Float radix2 m e); auto.
Qed.

(* The same number is the same float, zero apart. *)
Lemma rep_unique a b x : rep a x -> rep b x -> x <> 0 -> a = b.
Proof.
  intros [Fa Ea] [Fb Eb] H. apply B2R_inj; [| |congruence].
  - apply is_finite_strict_B2R. congruence.
  - apply is_finite_strict_B2R. congruence.
Qed.

(* two_factors for k from 0 on (sign false), and for k down from 0 (sign true), all at once. *)
Definition up_check (k : Z) : bool :=
  let '(first, second) := ieee_two_factors f (make prec emax (k + 3 * 2 ^ (prec - 2)) 0) (B754_zero false) in
  is_finite first && is_finite second &&
  Beqb first (make prec emax 1 (k - reach f)) && Beqb second (make prec emax 1 (reach f)).
Definition down_check (k : Z) : bool :=
  let '(first, second) := ieee_two_factors f (make prec emax (k + 3 * 2 ^ (prec - 2)) 0) (B754_zero true) in
  is_finite first && is_finite second &&
  Beqb first (make prec emax 1 (k + reach f)) && Beqb second (make prec emax 1 (- reach f)).
Fixpoint counting (n : nat) : list Z := match n with O => nil | S n => Z.of_nat n :: counting n end.
Definition factors_check (n m : nat) : bool := forallb up_check (counting n) && forallb (fun k => down_check (- k)) (counting m).

Lemma in_counting n k : (0 <= k < Z.of_nat n)%Z -> In k (counting n).
Proof.
  induction n as [|n IH]; intros H. lia. simpl. destruct (Z.eq_dec k (Z.of_nat n)) as [->|Hne]. now left.
  right. apply IH. lia.
Qed.

Lemma rep_power e : (3 - emax - prec <= e < emax)%Z -> rep (make prec emax 1 e) (bpow radix2 e).
Proof.
  intros H. rewrite <- (Rmult_1_l (bpow radix2 e)). red in Hp, He. apply rep_make; try lia.
  - change (Z.abs 1) with (Zpower radix2 0). apply Zpower_lt. lia. lia.
  - rewrite Rmult_1_l, Rabs_pos_eq by apply bpow_ge_0. apply bpow_le. lia.
Qed.

Definition two_factors_sign (negative : bool) (shifted : float) := ieee_two_factors f shifted (B754_zero negative).
Lemma sign_only shifted b : two_factors A shifted b = two_factors_sign (Bsign b) shifted.
Proof. reflexivity. Qed.

Theorem factors (n m : nat) (k : Z) (negative : bool) : factors_check n m = true ->
  (if negative then (- Z.of_nat m < k <= 0)%Z else (0 <= k < Z.of_nat n)%Z) ->
  (0 < reach f < emax)%Z -> (Z.of_nat n <= emax + reach f)%Z -> (3 - emax - prec <= - reach f)%Z ->
  (3 - emax - prec + Z.of_nat m <= reach f)%Z ->
  let j := if negative then (k + reach f)%Z else (k - reach f)%Z in
  let '(first, second) := two_factors_sign negative (make prec emax (k + 3 * 2 ^ (prec - 2)) 0) in
  rep first (bpow radix2 j) /\ rep second (bpow radix2 (k - j)).
Proof.
  intros H Hk H0 H1 H2 H3. apply andb_prop in H. destruct H as [Hu Hd].
  assert (G : forall (a b : float) e, is_finite a = true -> Beqb a b = true -> rep b (bpow radix2 e) -> rep a (bpow radix2 e)).
  { intros a b e Fa E [Fb Eb]. split. assumption. rewrite <- Eb.
    rewrite (Beqb_correct prec emax a b Fa Fb) in E. revert E. case Req_bool_spec; auto. discriminate. }
  destruct negative; cbv zeta; unfold two_factors_sign.
  - rewrite forallb_forall in Hd. specialize (Hd (- k)%Z). rewrite Z.opp_involutive in Hd.
    specialize (Hd (in_counting m (- k) ltac:(lia))). unfold down_check in Hd.
    destruct (ieee_two_factors _ _ _) as [a b]. rewrite !andb_true_iff in Hd. destruct Hd as [[[Fa Fb] Ea] Eb].
    split. apply (G a _ _ Fa Ea). apply rep_power. lia.
    replace (k - (k + reach f))%Z with (- reach f)%Z by ring. apply (G b _ _ Fb Eb). apply rep_power. lia.
  - rewrite forallb_forall in Hu. specialize (Hu k (in_counting n k ltac:(lia))). unfold up_check in Hu.
    destruct (ieee_two_factors _ _ _) as [a b]. rewrite !andb_true_iff in Hu. destruct Hu as [[[Fa Fb] Ea] Eb].
    split. apply (G a _ _ Fa Ea). apply rep_power. lia.
    replace (k - (k - reach f))%Z with (reach f) by ring. apply (G b _ _ Fb Eb). apply rep_power. lia.
Qed.
End Refinement.
