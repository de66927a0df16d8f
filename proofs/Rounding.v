(* Rounding to nearest in any binary format with subnormal numbers, as the analyses of exp and ln use it.

     half_ulp, half_ulp_above   the error of a rounding up to a power of two, and just beyond it;
     fast_two_sum               what 1 + r loses is found exactly by two more operations;
     to_integer                 adding 1.5 2^(p-1) rounds to the nearest integer, and subtracting it is exact;
     reduce                     x - k ln2_hi is exact in one fused multiply-add, where it is below 1/2. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core Plus_error Sterbenz.
Open Scope R_scope.

Section Rounding.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Hypothesis room : (emin <= - prec - 1)%Z.
Hypothesis wide : (3 <= prec)%Z.

Lemma nearest_le g v : format g -> Rabs (rnd v - v) <= Rabs (g - v).
Proof. intros H. apply (round_N_pt radix2 fexp (fun z => negb (Z.even z)) v). assumption. Qed.

Lemma half_ulp v k : Rabs v <= bpow radix2 k -> (emin <= k - prec)%Z -> Rabs (rnd v - v) <= bpow radix2 (k - prec - 1).
Proof.
  intros H Hk. assert (B := bpow_gt_0 radix2 (k - prec - 1)).
  destruct (Req_dec v 0) as [->|H0]. rewrite round_0 by auto with typeclass_instances. rewrite Rminus_0_r, Rabs_R0. lra.
  destruct H as [H|H].
  - apply Rle_trans with (1 := error_le_half_ulp radix2 fexp _ v). rewrite ulp_neq_0 by assumption.
    change (/ 2) with (bpow radix2 (-1)). rewrite <- bpow_plus. apply bpow_le.
    assert (M : (mag radix2 v <= k)%Z) by now apply mag_le_bpow. unfold cexp, FLT_exp. lia.
  - rewrite round_generic. rewrite Rminus_eq_0, Rabs_R0. lra. auto with typeclass_instances.
    apply generic_format_abs_inv. rewrite H. apply generic_format_bpow. unfold FLT_exp. red in prec_gt_0_. lia.
Qed.

Lemma half_ulp_above v k : 0 <= v <= bpow radix2 k + bpow radix2 (k - prec - 1) -> (emin <= k - prec)%Z ->
  Rabs (rnd v - v) <= bpow radix2 (k - prec - 1).
Proof.
  intros H Hk. destruct (Rle_dec v (bpow radix2 k)) as [L|L].
  - apply half_ulp. rewrite Rabs_pos_eq; lra. assumption.
  - apply Rle_trans with (Rabs (bpow radix2 k - v)).
    + apply nearest_le. apply generic_format_bpow. unfold FLT_exp. red in prec_gt_0_. lia.
    + rewrite Rabs_minus_sym, Rabs_pos_eq; lra.
Qed.

(* Multiples of a power of two. *)
Lemma multiple_format m e : Rabs (IZR m * bpow radix2 e) < bpow radix2 (e + prec) -> (emin <= e)%Z ->
  format (IZR m * bpow radix2 e).
Proof.
  intros H He. apply generic_format_FLT. exists (Float radix2 m e); [reflexivity| |assumption]. cbn [Fnum].
  apply lt_IZR. rewrite abs_IZR, IZR_Zpower by (red in prec_gt_0_; lia).
  apply (Rmult_lt_reg_r (bpow radix2 e)). apply bpow_gt_0.
  rewrite <- bpow_plus, (Z.add_comm prec). rewrite Rabs_mult, (Rabs_pos_eq (bpow radix2 e)) in H by apply bpow_ge_0. assumption.
Qed.

Lemma format_multiple v k : format v -> bpow radix2 k <= Rabs v -> exists m, v = IZR m * bpow radix2 (k + 1 - prec).
Proof.
  intros F H. assert (M : (k + 1 <= mag radix2 v)%Z).
  { apply mag_ge_bpow. now replace (k + 1 - 1)%Z with k by ring. }
  rewrite F. unfold F2R; simpl. set (m := Ztrunc _). set (c := cexp _ _ _).
  assert (C : (k + 1 - prec <= c)%Z) by (unfold c, cexp, FLT_exp; lia).
  exists (m * Zpower radix2 (c - (k + 1 - prec)))%Z. rewrite mult_IZR, IZR_Zpower by lia.
  rewrite Rmult_assoc, <- bpow_plus. f_equal. f_equal. ring.
Qed.

(* Fast two-sum with 1. *)
Lemma fast_two_sum r : format r -> Rabs r <= / 2 -> let line := rnd (1 + r) in
  rnd (1 - line) = 1 - line /\ rnd (1 - line + r) = 1 + r - line.
Proof.
  intros Fr Hr line. apply Rabs_le_inv in Hr.
  assert (F1 : format 1). { apply (generic_format_bpow radix2 fexp 0). unfold FLT_exp. lia. }
  assert (Fh : format (/ 2)). { apply (generic_format_bpow radix2 fexp (-1)). unfold FLT_exp. lia. }
  assert (F3 : format (3 / 2)).
  { replace (3 / 2) with (IZR 3 * bpow radix2 (-1)) by (simpl; lra). apply multiple_format; [|lia].
    rewrite Rabs_pos_eq by (simpl; lra). apply Rlt_le_trans with (bpow radix2 1). simpl; lra. apply bpow_le. lia. }
  assert (L : / 2 <= line <= 3 / 2).
  { split. apply round_ge_generic; auto with typeclass_instances. lra.
    apply round_le_generic; auto with typeclass_instances. lra. }
  assert (Fl : format line) by (apply generic_format_round; auto with typeclass_instances).
  assert (E : format (1 - line)) by (apply sterbenz; auto with typeclass_instances; lra).
  split. apply round_generic; auto with typeclass_instances.
  replace (1 - line + r) with (- (line - (1 + r))) by ring.
  rewrite round_generic; auto with typeclass_instances. ring.
  apply generic_format_opp, plus_error; auto with typeclass_instances.
Qed.

(* The nearest integer, by adding 1.5 2^(prec-1). *)
Definition shift : R := 3 * bpow radix2 (prec - 2).

Lemma to_integer v : Rabs v <= bpow radix2 (prec - 2) - 1 ->
  exists k, rnd (v + shift) = IZR k + shift /\ rnd (IZR k + shift - shift) = IZR k /\ Rabs (IZR k - v) <= / 2.
Proof.
  intros Hv. apply Rabs_le_inv in Hv. set (y := rnd (v + shift)).
  assert (E1 : bpow radix2 (prec - 1) = 2 * bpow radix2 (prec - 2)).
  { replace (prec - 1)%Z with (1 + (prec - 2))%Z by ring. rewrite bpow_plus. reflexivity. }
  assert (E2 : bpow radix2 prec = 4 * bpow radix2 (prec - 2)).
  { replace prec with (2 + (prec - 2))%Z at 1 by ring. rewrite bpow_plus. reflexivity. }
  assert (B := bpow_gt_0 radix2 (prec - 2)).
  assert (L : bpow radix2 (prec - 1) <= y).
  { apply round_ge_generic; auto with typeclass_instances. apply generic_format_bpow. unfold FLT_exp. lia. unfold shift. lra. }
  assert (Er : Rabs (y - (v + shift)) <= / 2).
  { apply Rle_trans with (bpow radix2 (prec - prec - 1)). apply half_ulp.
    rewrite Rabs_pos_eq; unfold shift; lra. lia. replace (prec - prec - 1)%Z with (-1)%Z by ring. simpl. lra. }
  destruct (format_multiple y (prec - 1)) as [m Hm].
  apply generic_format_round; auto with typeclass_instances. rewrite Rabs_pos_eq; lra.
  replace (prec - 1 + 1 - prec)%Z with 0%Z in Hm by ring. simpl in Hm. rewrite Rmult_1_r in Hm.
  exists (m - 3 * Zpower radix2 (prec - 2))%Z.
  assert (K : IZR (m - 3 * Zpower radix2 (prec - 2)) = y - shift).
  { rewrite minus_IZR, mult_IZR, IZR_Zpower, Hm by lia. reflexivity. }
  rewrite K. replace (y - shift + shift) with y by ring. repeat split.
  - apply round_generic; auto with typeclass_instances. rewrite <- K, <- (Rmult_1_r (IZR _)).
    apply (multiple_format _ 0); [|lia]. change (bpow radix2 0) with 1. rewrite K, Rmult_1_r.
    apply Rabs_le_inv in Er. apply Rabs_def1; unfold shift in *; simpl (0 + prec)%Z; lra.
  - apply Rabs_le_inv in Er. apply Rabs_le. lra.
Qed.

Lemma reduce x k h : format x -> (k = 0%Z \/ / 4 <= Rabs x) ->
  Rabs (x - IZR k * (IZR h * bpow radix2 (- prec))) < / 2 ->
  rnd (- IZR k * (IZR h * bpow radix2 (- prec)) + x) = x - IZR k * (IZR h * bpow radix2 (- prec)).
Proof.
  intros Fx Hk H. rewrite round_generic; auto with typeclass_instances. ring.
  destruct Hk as [->|Hx]. replace (_ + x) with x by ring. assumption.
  destruct (format_multiple x (-2) Fx) as [m Hm]. simpl; lra.
  replace (-2 + 1 - prec)%Z with (-1 - prec)%Z in Hm by ring.
  assert (E : - IZR k * (IZR h * bpow radix2 (- prec)) + x = IZR (m - 2 * (k * h)) * bpow radix2 (-1 - prec)).
  { rewrite minus_IZR, !mult_IZR, Hm. replace (- prec)%Z with (1 + (-1 - prec))%Z by ring. rewrite bpow_plus.
    change (bpow radix2 1) with 2. ring. }
  rewrite E. apply multiple_format; [|lia]. rewrite <- E. replace (-1 - prec + prec)%Z with (-1)%Z by ring.
  replace (_ + x) with (x - IZR k * (IZR h * bpow radix2 (- prec))) by ring. simpl. lra.
Qed.
End Rounding.
