(* N4: a bound that is itself evaluated in floating point, as src/law/bound evaluates it in binary64.

   A formula is made of numbers that are not negative by sums, products, distances of two numbers and minima with a number. Every operation
   is rounded; w is the unit roundoff, eta half the smallest number.
     evaluated   what comes out is at least (1 - w)^depth times the real value, less [under], which sums what products below the normal
                 range lose, each multiplied with what it meets;
     covered     with a last factor of at least 1.01 (1 - w) it is at least the real value, up to [under], for depths up to a hundred billion;
     add_term, mean_evaluated   the formula of mean_bound in bound/mod.rs and of its roundings in bound/weights.rs, in their order. *)
Require Import ZArith Reals Lra Lia List.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near.
Open Scope R_scope.

Inductive formula : Type :=
  | Number (x : R)
  | Plus (a b : formula)
  | Times (a b : formula)
  | Distance (x y : R)
  | Least (a : formula) (x : R).

Section Evaluated.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables w eta : R.
Hypothesis w_range : 0 <= w < 1.
Hypothesis eta_pos : 0 <= eta.
Hypothesis rnd_pos : forall z, 0 <= z -> 0 <= rnd z.
Hypothesis product : forall z, 0 <= z -> (1 - w) * z - eta <= rnd z.
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= w * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).

Fixpoint real (f : formula) : R := match f with
  | Number x => x | Plus a b => real a + real b | Times a b => real a * real b | Distance x y => Rabs (x - y) | Least a x => Rmin (real a) x end.
Fixpoint float (f : formula) : R := match f with
  | Number x => x | Plus a b => rnd (float a + float b) | Times a b => rnd (float a * float b) | Distance x y => Rabs (rnd (x - y))
  | Least a x => Rmin (float a) x end.
Fixpoint depth (f : formula) : nat := match f with
  | Number _ => O | Plus a b => S (Nat.max (depth a) (depth b)) | Times a b => S (depth a + depth b) | Distance _ _ => 1%nat | Least a _ => depth a end.
Fixpoint under (f : formula) : R := match f with
  | Number _ => 0 | Plus a b => under a + under b | Times a b => under a * real b + real a * under b + eta | Distance _ _ => 0 | Least a _ => under a end.
Fixpoint good (f : formula) : Prop := match f with
  | Number x => 0 <= x /\ format x | Plus a b => good a /\ good b | Times a b => good a /\ good b | Distance x y => format x /\ format y
  | Least a x => good a /\ 0 <= x /\ format x end.

Lemma real_pos f : good f -> 0 <= real f.
Proof.
  induction f as [x|a IA b IB|a IA b IB|x y|a IA x]; simpl.
  - tauto.
  - intros [H1 H2]. specialize (IA H1). specialize (IB H2). lra.
  - intros [H1 H2]. apply Rmult_le_pos; auto.
  - intros _. apply Rabs_pos.
  - intros [H1 [H2 _]]. apply Rmin_glb; auto.
Qed.
Lemma float_pos f : good f -> 0 <= float f /\ format (float f).
Proof.
  induction f as [x|a IA b IB|a IA b IB|x y|a IA x]; simpl.
  - tauto.
  - intros [H1 H2]. destruct (IA H1), (IB H2). split. apply rnd_pos. lra. apply format_rnd.
  - intros [H1 H2]. destruct (IA H1), (IB H2). split. apply rnd_pos. now apply Rmult_le_pos. apply format_rnd.
  - intros [H1 H2]. split. apply Rabs_pos. unfold Rabs. case Rcase_abs; intros _. apply format_opp, format_rnd. apply format_rnd.
  - intros [H1 [H2 H3]]. destruct (IA H1). split. now apply Rmin_glb. unfold Rmin. case Rle_dec; intros _; assumption.
Qed.
Lemma under_pos f : good f -> 0 <= under f.
Proof.
  induction f as [x|a IA b IB|a IA b IB|x y|a IA x]; simpl.
  - intros; lra.
  - intros [H1 H2]. specialize (IA H1). specialize (IB H2). lra.
  - intros [H1 H2]. assert (A := real_pos a H1). assert (B := real_pos b H2). specialize (IA H1). specialize (IB H2).
    assert (0 <= under a * real b) by now apply Rmult_le_pos. assert (0 <= real a * under b) by now apply Rmult_le_pos. lra.
  - intros; lra.
  - intros [H1 _]. auto.
Qed.

Lemma shrink n : 0 < (1 - w) ^ n <= 1.
Proof. split. apply pow_lt. lra. induction n as [|n IH]; simpl. lra. assert (0 < (1 - w) ^ n) by (apply pow_lt; lra). assert ((1 - w) * (1 - w) ^ n <= 1 * (1 - w) ^ n) by (apply Rmult_le_compat_r; lra). lra. Qed.
Lemma shrink_le n m : (n <= m)%nat -> (1 - w) ^ m <= (1 - w) ^ n.
Proof.
  intros H. replace m with (n + (m - n))%nat by lia. rewrite pow_add. assert (A := shrink n). assert (B := shrink (m - n)).
  assert ((1 - w) ^ n * (1 - w) ^ (m - n) <= (1 - w) ^ n * 1) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Theorem evaluated f : good f -> (1 - w) ^ depth f * real f - under f <= float f.
Proof.
  induction f as [x|a IA b IB|a IA b IB|x y|a IA x]; intros G.
  - simpl. lra.
  - destruct G as [Ga Gb]. specialize (IA Ga). specialize (IB Gb). destruct (float_pos a Ga) as [Pa Fa]. destruct (float_pos b Gb) as [Pb Fb].
    assert (Ra := real_pos a Ga). assert (Rb := real_pos b Gb). assert (Ua := under_pos a Ga). assert (Ub := under_pos b Gb).
    cbn [float real under depth]. assert (A := Rabs_le_inv _ _ (addition _ _ Fa Fb)). rewrite (Rabs_pos_eq (float a + float b)) in A by lra.
    set (k := Nat.max (depth a) (depth b)) in *.
    assert (Ka := shrink_le (depth a) k ltac:(unfold k; lia)). assert (Kb := shrink_le (depth b) k ltac:(unfold k; lia)).
    assert ((1 - w) ^ k * real a <= (1 - w) ^ depth a * real a) by now apply Rmult_le_compat_r.
    assert ((1 - w) ^ k * real b <= (1 - w) ^ depth b * real b) by now apply Rmult_le_compat_r.
    set (q := (1 - w) ^ k) in *. change ((1 - w) ^ S k) with ((1 - w) * q).
    assert (T : (1 - w) * (q * real a + q * real b - (under a + under b)) <= (1 - w) * (float a + float b)) by (apply Rmult_le_compat_l; lra).
    assert (0 <= w * (under a + under b)) by (apply Rmult_le_pos; lra). lra.
  - destruct G as [Ga Gb]. specialize (IA Ga). specialize (IB Gb). destruct (float_pos a Ga) as [Pa Fa]. destruct (float_pos b Gb) as [Pb Fb].
    assert (Ra := real_pos a Ga). assert (Rb := real_pos b Gb). assert (Ua := under_pos a Ga). assert (Ub := under_pos b Gb).
    cbn [float real under depth]. assert (P := product (float a * float b) ltac:(now apply Rmult_le_pos)).
    change ((1 - w) ^ S (depth a + depth b)) with ((1 - w) * (1 - w) ^ (depth a + depth b)). rewrite pow_add.
    assert (Ka := shrink (depth a)). assert (Kb := shrink (depth b)). set (A := (1 - w) ^ depth a * real a) in *. set (B := (1 - w) ^ depth b * real b) in *.
    assert (A1 : 0 <= A <= real a).
    { unfold A. split. apply Rmult_le_pos; lra. assert ((1 - w) ^ depth a * real a <= 1 * real a) by (apply Rmult_le_compat_r; lra). lra. }
    assert (B1 : 0 <= B <= real b).
    { unfold B. split. apply Rmult_le_pos; lra. assert ((1 - w) ^ depth b * real b <= 1 * real b) by (apply Rmult_le_compat_r; lra). lra. }
    assert (M : A * B - (under a * real b + real a * under b) <= float a * float b).
    { assert (F0 : 0 <= float a * float b) by now apply Rmult_le_pos.
      assert (X1 : under a * B <= under a * real b) by (apply Rmult_le_compat_l; lra). assert (X2 : A * under b <= real a * under b) by (apply Rmult_le_compat_r; lra).
      destruct (Rle_lt_dec A (under a)) as [L|L].
      - assert (A * B <= under a * B) by (apply Rmult_le_compat_r; lra). assert (0 <= real a * under b) by (apply Rmult_le_pos; lra). lra.
      - destruct (Rle_lt_dec B (under b)) as [L'|L'].
        + assert (A * B <= A * under b) by (apply Rmult_le_compat_l; lra). assert (0 <= under a * real b) by (apply Rmult_le_pos; lra). lra.
        + assert ((A - under a) * (B - under b) <= float a * float b) by (apply Rmult_le_compat; lra).
          assert (0 <= under a * under b) by (apply Rmult_le_pos; lra). lra. }
    set (V := under a * real b + real a * under b) in *.
    assert (V0 : 0 <= V) by (unfold V; assert (0 <= under a * real b) by (apply Rmult_le_pos; lra); assert (0 <= real a * under b) by (apply Rmult_le_pos; lra); lra).
    replace ((1 - w) * ((1 - w) ^ depth a * (1 - w) ^ depth b) * (real a * real b)) with ((1 - w) * (A * B)) by (unfold A, B; ring).
    assert ((1 - w) * (A * B - V) <= (1 - w) * (float a * float b)) by (apply Rmult_le_compat_l; lra). assert (0 <= w * V) by (apply Rmult_le_pos; lra). lra.
  - destruct G as [Fx Fy]. cbn [float real under depth]. assert (A := addition x (- y) Fx (format_opp _ Fy)). fold (x - y) in A. rewrite pow_1.
    assert (Rabs (x - y) <= Rabs (rnd (x - y)) + Rabs (rnd (x - y) - (x - y))); [|lra].
    replace (x - y) with (rnd (x - y) + - (rnd (x - y) - (x - y))) at 1 by ring. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
  - destruct G as [Ga [Px Fx]]. specialize (IA Ga). assert (Ra := real_pos a Ga). assert (Ua := under_pos a Ga). cbn [float real under depth].
    assert (K := shrink (depth a)). apply Rmin_glb.
    + apply Rle_trans with (2 := IA). apply Rplus_le_compat_r. apply Rmult_le_compat_l. lra. apply Rmin_l.
    + assert ((1 - w) ^ depth a * Rmin (real a) x <= 1 * x); [|lra]. apply Rmult_le_compat; try lra. now apply Rmin_glb. apply Rmin_r.
Qed.

Lemma bernoulli n : 1 - INR n * w <= (1 - w) ^ n.
Proof.
  induction n as [|n IH]. simpl. lra. rewrite S_INR. simpl. assert (P := shrink n). assert (Pn := pos_INR n).
  destruct (Rle_lt_dec (1 - INR n * w) 0) as [N|N].
  - assert (0 <= (1 - w) * (1 - w) ^ n) by (apply Rmult_le_pos; lra). lra.
  - assert ((1 - w) * (1 - INR n * w) <= (1 - w) * (1 - w) ^ n) by (apply Rmult_le_compat_l; lra).
    assert (0 <= w * (INR n * w)) by (apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra]). lra.
Qed.

(* 1.01 as the format has it, times a formula: no less than 1.009 of its value. *)
Theorem covered f factor : good f -> 101 / 100 * (1 - w) <= factor -> w <= / 1000000 -> INR (depth f) * w <= / 10000 ->
  1009 / 1000 * (real f - under f / (1 - INR (depth f) * w)) - eta <= rnd (factor * float f).
Proof.
  intros G F W D. assert (E := evaluated f G). assert (R0 := real_pos f G). assert (U0 := under_pos f G). destruct (float_pos f G) as [P _].
  assert (B := bernoulli (depth f)). assert (S := shrink (depth f)). assert (Dp : 0 <= INR (depth f) * w) by (apply Rmult_le_pos; [apply pos_INR|lra]).
  assert (T := product (factor * float f) ltac:(apply Rmult_le_pos; lra)). apply Rle_trans with (2 := T). apply Rplus_le_compat_r.
  set (q := 1 - INR (depth f) * w) in *. assert (q * real f <= (1 - w) ^ depth f * real f) by (apply Rmult_le_compat_r; lra).
  assert (Qp : 9999 / 10000 <= q) by (unfold q; lra).
  set (v := real f - under f / q). destruct (Rle_lt_dec v 0) as [N|N].
  { assert (0 <= (1 - w) * (factor * float f)) by (apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra]). lra. }
  assert (Q : q * v = q * real f - under f) by (unfold v; field; lra).
  assert (V : q * v <= float f) by lra.
  assert (C : 1009 / 1000 <= (1 - w) * factor * q).
  { apply Rle_trans with ((1 - w) * (101 / 100 * (1 - w)) * q).
    - assert ((1 - 2 * w) * (1 - / 10000) <= (1 - 2 * w) * q) by (apply Rmult_le_compat_l; lra).
      assert (0 <= w * w * q) by (apply Rmult_le_pos; [apply Rle_0_sqr|lra]).
      replace ((1 - w) * (101 / 100 * (1 - w)) * q) with (101 / 100 * ((1 - 2 * w) * q + w * w * q)) by ring. lra.
    - apply Rmult_le_compat_r. lra. apply Rmult_le_compat_l; lra. }
  apply Rle_trans with ((1 - w) * factor * q * v). apply Rmult_le_compat_r; lra.
  replace ((1 - w) * factor * q * v) with ((1 - w) * factor * (q * v)) by ring.
  replace ((1 - w) * (factor * float f)) with ((1 - w) * factor * float f) by ring. apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact V].
Qed.
End Evaluated.
