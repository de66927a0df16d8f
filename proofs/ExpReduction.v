(* The whole of exp over the reals, in any binary format: from x to the result, with every rounding.

   reduced: the reduced argument in two parts. expression_error: with what a format's numbers give (the hypotheses of the
   section Whole, which ExpDouble.v and ExpSingle.v prove) the computed value is within b units of the last place of
   e^x where e^x is normal, and within 1/2 + b/2 where it is not, b = 1/2 + slack. *)
Require Import ZArith Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Import Core Plus_error Sterbenz Mult_error.
From Tweedie Require Import Rounding ExpSteps.
Open Scope R_scope.

Section Reduction.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Hypothesis wide : (22 <= prec)%Z.
Hypothesis room : (emin <= - 3 * prec)%Z.
Let wide' : (3 <= prec)%Z. Proof. lia. Qed.
Let room' : (emin <= - prec - 1)%Z. Proof. lia. Qed.
Notation u := (bpow radix2 (- prec)).
Variable h : Z.
Variable LO : R.
Notation HI := (IZR h * bpow radix2 (- prec)).

Definition high (x : R) (k : Z) : R := rnd (- IZR k * HI + x).
Definition reduced_hi (x : R) (k : Z) : R := rnd (- IZR k * LO + high x k).
Definition reduced_lo (x : R) (k : Z) : R := rnd (- IZR k * LO + rnd (high x k - reduced_hi x k)).

(* 2^q bounds k LO, w bounds k (ln 2 - HI - LO). *)
Variables (q : Z) (w : R).
Definition off : R := bpow radix2 (q + 1 - prec - 1) + bpow radix2 (-1 - prec - prec - 1) + w.

Theorem reduced x k : format x -> (k = 0%Z \/ / 4 <= Rabs x) ->
  Rabs (x - IZR k * HI) <= 3 / 8 -> Rabs (IZR k * LO) <= bpow radix2 q -> (- prec <= q <= -4)%Z ->
  Rabs (IZR k * (ln 2 - HI - LO)) <= w ->
  format (reduced_hi x k) /\
  Rabs (reduced_lo x k) <= u / 4 + bpow radix2 (q + 1 - prec - 1) + bpow radix2 (-1 - prec - prec - 1) /\
  Rabs (reduced_hi x k - (x - IZR k * ln 2)) <= u / 4 + w /\
  Rabs (reduced_hi x k + reduced_lo x k - (x - IZR k * ln 2)) <= off.
Proof.
  intros Fx Hk Hhi HLO Hq Hw.
  assert (EH : high x k = x - IZR k * HI) by (apply reduce; auto; lra || lia).
  set (r := reduced_hi x k). set (lo := reduced_lo x k). set (e := - IZR k * LO + high x k).
  set (p1 := bpow radix2 (q + 1 - prec - 1)). set (p2 := bpow radix2 (-1 - prec - prec - 1)).
  assert (Bq : bpow radix2 q <= / 16) by (apply (bpow_le radix2 q (-4)); lia).
  assert (U4 : bpow radix2 (-1 - prec - 1) = u / 4).
  { replace (-1 - prec - 1)%Z with (-2 + - prec)%Z by ring. rewrite bpow_plus. simpl. lra. }
  assert (Up := bpow_gt_0 radix2 (- prec)).
  assert (U : u <= / 32) by (apply (bpow_le radix2 (- prec) (-5)); lia).
  assert (Uq : u <= bpow radix2 q) by (apply bpow_le; lia).
  apply Rabs_le_inv in HLO. apply Rabs_le_inv in Hhi. apply Rabs_le_inv in Hw.
  assert (Er : Rabs (r - e) <= u / 4).
  { rewrite <- U4. apply half_ulp; try assumption; [|lia]. unfold e. rewrite EH. change (bpow radix2 (-1)) with (/ 2).
    apply Rabs_le. lra. }
  apply Rabs_le_inv in Er.
  set (d := rnd (high x k - r)).
  assert (Ed : Rabs (d - (high x k - r)) <= p1).
  { apply half_ulp; try assumption; [|lia]. rewrite bpow_plus. change (bpow radix2 1) with 2.
    unfold e in Er. apply Rabs_le. lra. }
  apply Rabs_le_inv in Ed.
  assert (P1 : p1 <= u / 16).
  { unfold p1. replace (q + 1 - prec - 1)%Z with (q + - prec)%Z by ring. rewrite bpow_plus. 
    apply Rle_trans with (/ 16 * u); [|lra]. apply Rmult_le_compat_r; lra. }
  assert (El : Rabs (lo - (- IZR k * LO + d)) <= p2).
  { unfold lo, reduced_lo. fold r. fold d. apply half_ulp; try assumption; [|lia].
    replace (-1 - prec)%Z with (-1 + - prec)%Z by ring. rewrite bpow_plus. change (bpow radix2 (-1)) with (/ 2).
    unfold e in Er. apply Rabs_le. lra. }
  apply Rabs_le_inv in El. unfold e in Er.
  assert (Ew : x - IZR k * ln 2 = (- IZR k * LO + high x k) - IZR k * (ln 2 - HI - LO)) by (rewrite EH; ring).
  split; [apply generic_format_round; auto with typeclass_instances|].
  rewrite Ew. unfold off. fold p1 p2. repeat split; apply Rabs_le; lra.
Qed.
End Reduction.

Section Whole.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Hypothesis wide : (22 <= prec)%Z.
Hypothesis room : (emin <= - 3 * prec)%Z.
Let wide' : (3 <= prec)%Z. Proof. lia. Qed.
Let room' : (emin <= - prec - 1)%Z. Proof. lia. Qed.
Notation u := (bpow radix2 (- prec)).
Variable h : Z.
Variables LO L2E : R.
Notation HI := (IZR h * bpow radix2 (- prec)).
(* The polynomial: q r is its computed value, A0 r = r^2 (1/2 + r Q(r)) what r^2 curve r stands for. *)
Variables q A0 : R -> R.
Definition square (r : R) : R := rnd (r * r).
Definition curve (r : R) : R := rnd (r * q r + / 2).
Definition line (r : R) : R := rnd (1 + r).
Definition inner (r lo : R) : R := rnd (lo * line r + rnd (rnd (1 - line r) + r)).
Definition small (r lo : R) : R := rnd (square r * curve r + inner r lo).
Definition core (r lo : R) : R := rnd (line r + small r lo).
Definition result (x : R) (k : Z) : R :=
  rnd (core (reduced_hi emin prec h LO x k) (reduced_lo emin prec h LO x k) * bpow radix2 k).

Variables (qe : Z) (w rho m a1 a2 c1 c2 slack : R).
Hypothesis qe_range : (- prec <= qe <= -21)%Z.
Hypothesis rho_range : 0 <= rho <= 3 / 8.
Let t : R := u / 4 + bpow radix2 (qe + 1 - prec - 1) + bpow radix2 (-1 - prec - prec - 1).
Let d2 : R := bpow radix2 (1 - prec - prec - 1).
(* The method, and the roundings for r up to 2^-10 and beyond. *)
Hypothesis method : forall r, Rabs r <= rho -> Rabs (1 + r + A0 r - exp r) <= m.
Hypothesis lower : forall r, format r -> - rho <= r <= / 1024 ->
  Rabs (square r * curve r - A0 r) <= a1 /\ Rabs (square r * curve r) <= 63 / 1024 /\ Rabs (exp r - 1 - r) <= c1.
Hypothesis upper : forall r, format r -> 0 <= r <= rho ->
  Rabs (square r * curve r - A0 r) <= a2 /\ Rabs (square r * curve r) <= 127 / 1024 /\ Rabs (exp r - 1 - r) <= c2.
Hypothesis budget1 : m + a1 + u / 32 + d2 + (t * (c1 + u) + 4 * (t * t)) + 4 * off prec qe w <= slack * u.
Hypothesis budget2 : m + a2 + u / 16 + d2 + (t * (c2 + u) + 4 * (t * t)) + 4 * off prec qe w <= slack * (2 * u).
Hypothesis slack_range : 0 <= slack < / 4.
Hypothesis w_range : 0 <= w <= / 4096.

Variable x : R.
Variable k : Z.
Hypothesis Fx : format x.
Hypothesis Hk : k = 0%Z \/ / 4 <= Rabs x.
Hypothesis Hhi : Rabs (x - IZR k * HI) <= rho - / 1048576.
Hypothesis HLO : Rabs (IZR k * LO) <= bpow radix2 qe.
Hypothesis Hw : Rabs (IZR k * (ln 2 - HI - LO)) <= w.
Notation r := (reduced_hi emin prec h LO x k).
Notation lo := (reduced_lo emin prec h LO x k).
Let E : R := exp (x - IZR k * ln 2).

Lemma u_range : 0 < u <= / 4194304.
Proof. split. apply bpow_gt_0. apply (bpow_le radix2 (- prec) (-22)). lia. Qed.

Lemma Hr : Rabs r <= rho.
Proof.
  assert (U := u_range). assert (EH : high emin prec h x k = x - IZR k * HI) by (apply reduce; auto; lra).
  assert (Bq : bpow radix2 qe <= / 2097152) by (apply (bpow_le radix2 qe (-21)); lia).
  assert (U4 : bpow radix2 (-1 - prec - 1) = u / 4).
  { replace (-1 - prec - 1)%Z with (-2 + - prec)%Z by ring. rewrite bpow_plus. simpl. lra. }
  set (e := - IZR k * LO + high emin prec h x k).
  apply Rabs_le_inv in HLO. apply Rabs_le_inv in Hhi.
  assert (Er : Rabs (r - e) <= u / 4).
  { rewrite <- U4. apply half_ulp; try assumption; [|lia]. unfold e. rewrite EH. change (bpow radix2 (-1)) with (/ 2).
    apply Rabs_le. lra. }
  apply Rabs_le_inv in Er. unfold e in Er. rewrite EH in Er. apply Rabs_le. lra.
Qed.

Lemma reductions : format r /\ Rabs lo <= t /\ Rabs (r - (x - IZR k * ln 2)) <= u / 4 + w /\
  Rabs (r + lo - (x - IZR k * ln 2)) <= off prec qe w.
Proof. apply reduced; auto. lra. lia. Qed.

Lemma two_sum : rnd (rnd (1 - line r) + r) = 1 + r - line r /\ Rabs (1 + r - line r) <= u.
Proof.
  assert (Hr0 := Hr). destruct reductions as [F _]. destruct (fast_two_sum emin prec) with (r := r) as [T1 T2]; try assumption; try lia; try lra.
  split. unfold line. now rewrite T1.
  rewrite Rabs_minus_sym. apply Rle_trans with (bpow radix2 (1 - prec - 1)).
  - apply half_ulp; try assumption; [|lia]. assert (Hrr := Rabs_le_inv _ _ Hr). rewrite Rabs_pos_eq; simpl; lra.
  - apply bpow_le. lia.
Qed.

Lemma p1_small : bpow radix2 (qe + 1 - prec - 1) <= u / 16.
Proof.
  assert (U := u_range). replace (qe + 1 - prec - 1)%Z with (qe + - prec)%Z by ring. rewrite bpow_plus.
  apply Rle_trans with (/ 16 * u); [|lra]. apply Rmult_le_compat_r. lra. apply (bpow_le radix2 qe (-4)). lia.
Qed.
Lemma p2_small : bpow radix2 (-1 - prec - prec - 1) <= u / 128.
Proof.
  assert (U := u_range). replace (-1 - prec - prec - 1)%Z with ((-2 - prec) + - prec)%Z by ring. rewrite bpow_plus.
  apply Rle_trans with (/ 128 * u); [|lra]. apply Rmult_le_compat_r. lra. apply (bpow_le radix2 (-2 - prec) (-7)). lia.
Qed.

Lemma exp_below_2 v : Rabs v <= 13 / 32 -> exp v <= 7 / 4 /\ 19 / 32 <= exp v.
Proof.
  intros H. assert (A := Rabs_le_inv _ _ H). destruct (exp_line v) as [L M]. lra. split; [|lra].
  assert (v * v <= 13 / 32 * (13 / 32)).
  { rewrite <- (Rabs_pos_eq (v * v)) by apply Rle_0_sqr. rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos. }
  lra.
Qed.

Lemma off_small : 0 <= off prec qe w <= u / 8 + w.
Proof.
  assert (Q1 := p1_small). assert (Q2 := p2_small). assert (U := u_range).
  assert (B1 := bpow_gt_0 radix2 (qe + 1 - prec - 1)). assert (B2 := bpow_gt_0 radix2 (-1 - prec - prec - 1)).
  unfold off. lra.
Qed.

Lemma before a c d A1 ka : Rabs (square r * curve r - A0 r) <= a -> Rabs (square r * curve r) <= A1 ->
  A1 + 3 * u <= bpow radix2 ka -> (-4 <= ka)%Z -> bpow radix2 (ka - prec - 1) <= d -> Rabs (exp r - 1 - r) <= c ->
  Rabs (line r + small r lo - E) <= m + a + d + d2 + (t * (c + u) + 4 * (t * t)) + 4 * off prec qe w.
Proof.
  intros Ha HA HA1 Hka Hd Hc. destruct reductions as [F [Hlo [_ Hoff]]]. destruct two_sum as [T1 T2].
  assert (U := u_range). assert (Q1 := p1_small). assert (Q2 := p2_small). assert (Off := off_small).
  assert (Hr0 := Hr). assert (Hrr := Rabs_le_inv _ _ Hr). assert (T2' := Rabs_le_inv _ _ T2).
  assert (Ht : t <= u / 3) by (unfold t; lra).
  assert (L2 : Rabs (line r) <= 2) by (apply Rabs_le; lra).
  assert (I0 : Rabs (lo * line r + (1 + r - line r)) <= 2 * u).
  { apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult.
    assert (Rabs lo * Rabs (line r) <= u / 3 * 2) by (apply Rmult_le_compat; auto using Rabs_pos; lra). lra. }
  assert (I1 : Rabs (inner r lo - (lo * line r + (1 + r - line r))) <= d2).
  { unfold inner. rewrite T1. apply half_ulp; try assumption; [|lia].
    unfold Z.sub. rewrite bpow_plus. assumption. }
  assert (D2 : d2 <= u / 16).
  { unfold d2. replace (1 - prec - prec - 1)%Z with (- prec + - prec)%Z by ring. rewrite bpow_plus.
    apply Rle_trans with (/ 16 * u); [|lra]. apply Rmult_le_compat_r; lra. }
  assert (S1 : Rabs (small r lo - (square r * curve r + inner r lo)) <= d).
  { apply Rle_trans with (2 := Hd). apply half_ulp; try assumption; [|lia]. apply Rle_trans with (2 := HA1).
    apply Rle_trans with (1 := Rabs_triang _ _).
    assert (Rabs (inner r lo) <= 3 * u); [|lra].
    replace (inner r lo) with ((inner r lo - (lo * line r + (1 + r - line r))) + (lo * line r + (1 + r - line r))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (B : Rabs (line r + small r lo - exp (r + lo)) <= m + a + d + d2 + (t * (c + u) + 4 * (t * t))).
  { apply (before_last r lo (line r) (square r * curve r) (A0 r) (inner r lo)); try assumption; try lra.
    apply method, Hr. destruct (exp_below_2 r); lra. }
  assert (X : Rabs (exp (r + lo) - E) <= 4 * off prec qe w).
  { set (y := r + lo) in *. unfold E in *. set (R := x - IZR k * ln 2) in *.
    replace (exp y - exp R) with (- (exp y * (exp (R - y) - 1))).
    2: { replace R with (y + (R - y)) at 2 by ring. rewrite exp_plus. ring. }
    rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (exp y)) by (left; apply exp_pos).
    rewrite Rabs_minus_sym in Hoff. destruct (exp_line (R - y)) as [L M]. lra.
    assert (Y : exp y <= 2). { apply Rabs_le_inv in Hlo. destruct (exp_below_2 y) as [Y _]; [|lra]. apply Rabs_le. unfold y. lra. }
    assert (Sq : (R - y) * (R - y) <= off prec qe w * / 2).
    { rewrite <- (Rabs_pos_eq ((R - y) * (R - y))) by apply Rle_0_sqr. rewrite Rabs_mult.
      apply Rmult_le_compat; auto using Rabs_pos. lra. }
    apply Rle_trans with (2 * (2 * off prec qe w)); [|lra].
    apply Rmult_le_compat; auto using Rabs_pos. left; apply exp_pos.
    apply Rabs_le_inv in Hoff. apply Rabs_le. lra. }
  replace (line r + small r lo - E) with ((line r + small r lo - exp (r + lo)) + (exp (r + lo) - E)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

Theorem core_error : / 2 < E < 2 /\ / 2 <= core r lo <= 2
  /\ (E < 1 -> Rabs (core r lo - E) <= (/ 2 + slack) * u)
  /\ (1 <= E -> Rabs (core r lo - E) <= (/ 2 + slack) * (2 * u) /\ 1 <= core r lo).
Proof.
  destruct reductions as [F [_ [HR _]]]. assert (U := u_range). assert (Off := off_small).
  assert (Hrr := Rabs_le_inv _ _ Hr). assert (HRR := Rabs_le_inv _ _ HR).
  destruct (exp_below_2 (x - IZR k * ln 2)) as [E1 E2]. apply Rabs_le. lra. fold E in E1, E2.
  assert (Sl : 0 <= slack * u <= / 4 * u).
  { split. apply Rmult_le_pos; lra. apply Rmult_le_compat_r; lra. }
  assert (V : (E < 1 -> Rabs (line r + small r lo - E) <= slack * u)
    /\ (1 <= E -> Rabs (line r + small r lo - E) <= slack * (2 * u))).
  { destruct (Rle_dec r (/ 1024)) as [L|L].
    - destruct (lower r F) as [Ha [HA Hc]]. lra.
      assert (B := before a1 c1 (u / 32) (63 / 1024) (-4) Ha HA).
      assert (B' : Rabs (line r + small r lo - E) <= slack * u).
      { apply Rle_trans with (2 := budget1). apply B; auto; try lia. change (bpow radix2 (-4)) with (/ 16). lra.
        replace (-4 - prec - 1)%Z with (-5 + - prec)%Z by ring. rewrite bpow_plus. simpl. lra. }
      split; intros; lra.
    - assert (G : 1 < E).
      { unfold E. rewrite <- exp_0. apply exp_increasing. lra. }
      split; intros H. lra.
      destruct (upper r F) as [Ha [HA Hc]]. lra. apply Rle_trans with (2 := budget2).
      apply (before a2 c2 (u / 16) (127 / 1024) (-3)); auto; try lia. change (bpow radix2 (-3)) with (/ 8). lra.
      replace (-3 - prec - 1)%Z with (-4 + - prec)%Z by ring. rewrite bpow_plus. simpl. lra. }
  destruct V as [V1 V2].
  assert (VV : line r + small r lo <= 2).
  { destruct (Rlt_dec E 1) as [L|L].
    specialize (V1 L). apply Rabs_le_inv in V1. lra. assert (L' : 1 <= E) by lra. specialize (V2 L'). apply Rabs_le_inv in V2. lra. }
  destruct (last emin prec) with (E := E) (v := line r + small r lo) (b := slack) as [Y1 Y2]; try assumption; try lia; try lra.
  fold (core r lo) in Y1, Y2. split. lra. split; [|now split].
  destruct (Rlt_dec E 1) as [L|L].
  - specialize (Y1 L). apply Rabs_le_inv in Y1. lra.
  - assert (L' : 1 <= E) by lra. destruct (Y2 L') as [Y3 _]. apply Rabs_le_inv in Y3. lra.
Qed.

(* And how large the parts are, so that nothing overflows. *)
Theorem expression_error :
  ((tiny emin prec <= exp x -> Rabs (result x k - exp x) <= (/ 2 + slack) * ulp radix2 fexp (exp x))
  /\ (exp x < tiny emin prec -> Rabs (result x k - exp x) <= (/ 2 + (/ 2 + slack) / 2) * ulp radix2 fexp (exp x)))
  /\ Rabs r <= rho /\ Rabs lo <= u /\ / 2 <= core r lo <= 15 / 8 /\ Rabs (core r lo - E) <= 2 * u.
Proof.
  destruct core_error as [HE [Hy [Y1 Y2]]]. assert (U := u_range). assert (Q1 := p1_small). assert (Q2 := p2_small).
  destruct reductions as [_ [Hlo [HR _]]]. assert (Hrr := Rabs_le_inv _ _ Hr). assert (HRR := Rabs_le_inv _ _ HR).
  assert (Near : Rabs (core r lo - E) <= 2 * u).
  { assert (B : (/ 2 + slack) * u <= 1 * u) by (apply Rmult_le_compat_r; lra).
    destruct (Rlt_dec E 1) as [L|L]. specialize (Y1 L). lra. assert (L' : 1 <= E) by lra. destruct (Y2 L') as [Y3 _]. lra. }
  split.
  - assert (X : exp x = E * bpow radix2 k).
    { unfold E. rewrite bpow_exp, <- exp_plus. f_equal. simpl. ring. }
    rewrite X. apply scaled; try assumption; try lia; try lra.
    apply generic_format_round; auto with typeclass_instances.
  - split. exact Hr. split. apply Rle_trans with (1 := Hlo). unfold t. lra. split; [|assumption].
    destruct (exp_below_2 (x - IZR k * ln 2)) as [E1 E2]. apply Rabs_le. lra. fold E in E1, E2.
    apply Rabs_le_inv in Near. lra.
Qed.
End Whole.
