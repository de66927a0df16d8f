(* The executable exp is the expression over the reals: bits_of_exp says that exp of Kernels.v, run on Flocq's numbers,
   is finite and has the value result x k of ExpReduction.v, k the integer nearest to x log2 e as the code finds it. What
   a format must bring (its constants, its polynomial, and that no intermediate is large) is hypothesis here and proven
   in ExpDouble.v and ExpSingle.v. *)
Require Import ZArith Reals Lra Lia List Bool.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Refinement Rounding ExpSteps ExpReduction.
Open Scope R_scope.

Lemma fma_bound a b c A B C M : Rabs a <= A -> Rabs b <= B -> Rabs c <= C -> A * B + C <= M -> Rabs (a * b + c) <= M.
Proof.
  intros Ha Hb Hc H. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult.
  assert (Rabs a * Rabs b <= A * B) by (apply Rmult_le_compat; auto using Rabs_pos). lra.
Qed.

Section Bits.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation emin := (3 - emax - prec)%Z.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Notation A := (ieee f).
Notation rep := (rep f).
Hypothesis wide : (22 <= prec)%Z.
Hypothesis room : (emin <= - 3 * prec)%Z.
Hypothesis tall : (prec + 2 <= emax)%Z.
Variable K : table (number A).
Variables (h : Z) (LO L2E : R) (q : R -> R) (rho low high : R).
Notation HI := (IZR h * bpow radix2 (- prec)).
Hypothesis c_log2e : rep (LOG2_E K) L2E.
Hypothesis c_hi : rep (LN2_HI K) HI.
Hypothesis c_lo : rep (LN2_LO K) LO.
Hypothesis c_shift : rep (SHIFT K) (shift prec).
Hypothesis c_over : exists v, rep (EXP_OVERFLOW K) v /\ high <= v.
Hypothesis c_under : exists v, rep (EXP_UNDERFLOW K) v /\ v <= low.
Hypothesis polynomial : forall r R s, rep r R -> Rabs R <= 3 / 8 -> rep s (rnd (R * R)) ->
  rep (even_odd A r s (EXP_TAIL K)) (q R) /\ Rabs (q R) <= 1.
Hypothesis rho_range : 0 <= rho <= 3 / 8.
Variables n m : nat.
Hypothesis powers : factors_check f n m = true.
Hypothesis powers_reach : (0 < reach f < emax - 1)%Z.
Hypothesis powers_n : (Z.of_nat n <= emax + reach f - 1)%Z.
Hypothesis powers_m : (emin + Z.of_nat m <= reach f)%Z.
Hypothesis reach_small : (emin <= - reach f)%Z.
Hypothesis reach_low : (emin + prec <= 1 - Z.of_nat m + reach f)%Z.
Hypothesis reach_high : (emin + prec <= - reach f)%Z.

Variable b : binary_float prec emax.
Variable x : R.
Hypothesis Hb : rep b x.
Hypothesis Hx : low <= x <= high.
Hypothesis x_small : Rabs (x * L2E) <= bpow radix2 (prec - 2) - 1.
Hypothesis sizes : forall k, Rabs (IZR k - x * L2E) <= / 2 ->
  let r := reduced_hi emin prec h LO x k in let lo := reduced_lo emin prec h LO x k in
  (k = 0%Z \/ / 4 <= Rabs x) /\ Rabs (x - IZR k * HI) <= 3 / 8 /\ Rabs (IZR k * LO) <= 1 /\
  Rabs r <= rho /\ Rabs lo <= 1 /\ / 2 <= core emin prec q r lo <= 15 / 8 /\
  core emin prec q r lo * bpow radix2 k <= (1 - / 512) * bpow radix2 emax /\
  (- Z.of_nat m < k < Z.of_nat n)%Z /\ (x < 0 -> (k <= 0)%Z) /\ (0 <= x -> (0 <= k)%Z).

Lemma four v : Rabs v <= 4 -> Rabs v <= bpow radix2 (emax - 1).
Proof. intros H. apply Rle_trans with (1 := H). apply (bpow_le radix2 2). lia. Qed.
Lemma below_power v e : Rabs v <= bpow radix2 e -> (emin + prec <= e + 1)%Z -> Rabs (rnd v) <= bpow radix2 e.
Proof.
  intros H H0. apply abs_round_le_generic; auto with typeclass_instances.
  apply generic_format_bpow. unfold FLT_exp. red in Hp. lia.
Qed.
Lemma one_ v : Rabs v <= 1 -> Rabs (rnd v) <= 1.
Proof. intros H. apply (below_power v 0 H). lia. Qed.
Lemma two_ v : Rabs v <= 2 -> Rabs (rnd v) <= 2.
Proof. intros H. apply (below_power v 1 H). lia. Qed.

Lemma sign_of (c : binary_float prec emax) : is_finite c = true -> if Bsign c then B2R c <= 0 else 0 <= B2R c.
Proof.
  destruct c as [s|s| |s mm e Hc]; simpl; intros Fc; try discriminate. destruct s; lra.
  destruct s. now apply F2R_le_0. now apply F2R_ge_0.
Qed.

Lemma rep_one : rep (one A) 1.
Proof. apply (rep_power f 0). red in Hp. lia. Qed.
Lemma rep_half : rep (half A) (/ 2).
Proof. apply (rep_power f (-1)). red in Hp. lia. Qed.

(* A step of Horner's rule. *)
Lemma horner_step a s c X S C : rep a X -> rep s S -> rep c C -> Rabs X <= / 2 -> Rabs S <= / 4 -> Rabs C <= / 4 ->
  rep (fma A a s c) (rnd (X * S + C)) /\ Rabs (rnd (X * S + C)) <= / 2.
Proof.
  intros Ra Rs Rc HX HS HC. assert (B : Rabs (X * S + C) <= / 2) by (apply (fma_bound _ _ _ (/ 2) (/ 4) (/ 4)); lra).
  split. apply rep_fma; auto. apply four. lra. apply (below_power _ (-1)); [assumption|lia].
Qed.
Lemma last_step a r c X S C : rep a X -> rep r S -> rep c C -> Rabs X <= / 2 -> Rabs S <= 3 / 8 -> Rabs C <= / 2 ->
  rep (fma A a r c) (rnd (X * S + C)) /\ Rabs (rnd (X * S + C)) <= 1.
Proof.
  intros Ra Rs Rc HX HS HC. assert (B : Rabs (X * S + C) <= 1) by (apply (fma_bound _ _ _ (/ 2) (3 / 8) (/ 2)); lra).
  split. apply rep_fma; auto. apply four. lra. now apply one_.
Qed.
Lemma square_small S : Rabs S <= 3 / 8 -> Rabs (rnd (S * S)) <= / 4.
Proof.
  intros H. apply (below_power _ (-2)); [|lia]. simpl. rewrite Rabs_mult.
  apply Rle_trans with (3 / 8 * (3 / 8)); [|lra]. apply Rmult_le_compat; auto using Rabs_pos.
Qed.

Theorem bits_of_exp : exists k, Rabs (IZR k - x * L2E) <= / 2 /\ rep (exp A K b) (result emin prec h LO q x k).
Proof.
  destruct (to_integer emin prec ltac:(lia) ltac:(lia) (x * L2E) x_small) as [k [K1 [K2 K3]]].
  exists k. split. assumption. destruct (sizes k K3) as [Hk [Hhi [HLO [Hr [Hlo [Hy [Htop [Hkk [Hneg Hpos]]]]]]]]].
  clear sizes. unfold Kernels.exp. cbv zeta.
  destruct c_over as [vo [Ro Vo]]. destruct c_under as [vu [Ru Vu]].
  rewrite (rep_below f _ _ _ _ Ro Hb), Rlt_bool_false by lra. cbv iota.
  rewrite (rep_below f _ _ _ _ Hb Ru), Rlt_bool_false by lra. cbv iota.
  assert (Fx := rep_format f b x Hb).
  assert (B2 : bpow radix2 prec = 4 * bpow radix2 (prec - 2)).
  { replace prec with (2 + (prec - 2))%Z at 1 by ring. rewrite bpow_plus. reflexivity. }
  assert (x_small' := x_small).
  assert (B3 : bpow radix2 prec <= bpow radix2 (emax - 1)) by (apply bpow_le; lia).
  assert (P := bpow_gt_0 radix2 (prec - 2)).
  (* The integer. *)
  set (shifted := fma A b (LOG2_E K) (SHIFT K)).
  assert (Rs : rep shifted (IZR k + shift prec)).
  { rewrite <- K1. apply rep_fma; auto. apply Rabs_le_inv in x_small. unfold shift. apply Rabs_le. lra. }
  set (nn := sub A shifted (SHIFT K)).
  assert (Rn : rep nn (IZR k)).
  { rewrite <- K2. apply rep_sub; auto. replace (IZR k + shift prec - shift prec) with (IZR k) by ring.
    apply Rabs_le_inv in K3. apply Rabs_le_inv in x_small. apply Rabs_le. lra. }
  assert (Rnn := rep_neg f _ _ Rn).
  (* The reduction. *)
  assert (EH : ExpReduction.high emin prec h x k = x - IZR k * HI).
  { apply reduce; auto; try lia. lra. }
  set (hi := fma A (neg A nn) (LN2_HI K) b).
  assert (Rh : rep hi (ExpReduction.high emin prec h x k)).
  { apply rep_fma; auto. apply four. replace (- IZR k * HI + x) with (x - IZR k * HI) by ring. lra. }
  assert (Bh : Rabs (ExpReduction.high emin prec h x k) <= 3 / 8) by now rewrite EH.
  assert (NLO : Rabs (- IZR k * LO) <= 1).
  { rewrite Ropp_mult_distr_l_reverse, Rabs_Ropp. assumption. }
  set (r := fma A (neg A nn) (LN2_LO K) hi). set (r' := reduced_hi emin prec h LO x k) in *.
  assert (Rr : rep r r').
  { apply rep_fma; auto. apply four. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  set (lo := fma A (neg A nn) (LN2_LO K) (sub A hi r)). set (lo' := reduced_lo emin prec h LO x k) in *.
  assert (Bd : Rabs (ExpReduction.high emin prec h x k - r') <= 1).
  { apply Rabs_le_inv in Bh. apply Rabs_le_inv in Hr. apply Rabs_le. lra. }
  assert (Rl : rep lo lo').
  { apply rep_fma; auto. apply rep_sub; auto. apply four. apply Rle_trans with (1 := Bd). lra.
    apply four. apply Rle_trans with (1 := Rabs_triang _ _). apply one_ in Bd.
    apply Rle_trans with (1 + 1); [|lra]. now apply Rplus_le_compat. }
  (* The polynomial. *)
  clearbody r lo. set (l := add A (one A) r). assert (Hr1 : Rabs (1 + r') <= 2) by (apply Rabs_le_inv in Hr; apply Rabs_le; lra).
  assert (Rline : rep l (line emin prec r')).
  { apply rep_add; auto. apply rep_one. apply four. lra. }
  assert (Bline : Rabs (line emin prec r') <= 2) by now apply two_.
  set (l_lo := add A (sub A (one A) l) r).
  destruct (fast_two_sum emin prec ltac:(lia) ltac:(lia) r') as [T1 T2]. apply (rep_format f r r' Rr). lra.
  assert (Half : Rabs (1 - line emin prec r') <= 3) by (apply Rabs_le_inv in Bline; apply Rabs_le; lra).
  assert (Rllo : rep l_lo (rnd (rnd (1 - line emin prec r') + r'))).
  { apply rep_add; auto. apply rep_sub; auto. apply rep_one. apply four. lra.
    unfold line. rewrite T1. fold (line emin prec r'). apply four. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  set (s := mul A r r).
  assert (Bs0 : Rabs (r' * r') <= / 4).
  { rewrite Rabs_mult. apply Rle_trans with (3 / 8 * (3 / 8)); [|lra]. apply Rmult_le_compat; auto using Rabs_pos; lra. }
  assert (Rsq : rep s (square emin prec r')).
  { apply rep_mul; auto. apply four. lra. }
  assert (Bs : Rabs (square emin prec r') <= / 4) by (apply (below_power _ (-2)); [assumption|lia]).
  destruct (polynomial r r' s Rr ltac:(lra) Rsq) as [Rq Bq].
  set (c := fma A r (even_odd A r s (EXP_TAIL K)) (half A)).
  assert (Bc : Rabs (r' * q r' + / 2) <= 1).
  { apply (fma_bound _ _ _ (3 / 8) 1 (/ 2)); try lra. rewrite Rabs_pos_eq; lra. }
  assert (Rc : rep c (curve emin prec q r')).
  { apply rep_fma; auto. apply rep_half. apply four. lra. }
  assert (Bcc : Rabs (curve emin prec q r') <= 1) by now apply one_.
  set (i := fma A lo l l_lo).
  assert (Bllo : Rabs (rnd (rnd (1 - line emin prec r') + r')) <= 1).
  { apply one_. unfold line. rewrite T1. fold (line emin prec r').
    assert (N : Rabs (line emin prec r' - (1 + r')) <= bpow radix2 (1 - prec - 1)).
    { apply half_ulp; auto; lia. }
    assert (bpow radix2 (1 - prec - 1) <= 1) by (apply (bpow_le radix2 _ 0); lia).
    rewrite Rabs_minus_sym in N. replace (1 - line emin prec r' + r') with (1 + r' - line emin prec r') by ring. lra. }
  assert (Bi : Rabs (lo' * line emin prec r' + rnd (rnd (1 - line emin prec r') + r')) <= 4).
  { apply (fma_bound _ _ _ 1 2 1); try lra. }
  assert (Ri : rep i (inner emin prec r' lo')).
  { apply rep_fma; auto. now apply four. }
  assert (Bii : Rabs (inner emin prec r' lo') <= 4) by (apply (below_power _ 2); [assumption|lia]).
  set (sm := fma A s c i).
  assert (Big : forall v, Rabs v <= 16 -> Rabs v <= bpow radix2 (emax - 1)).
  { intros v H. apply Rle_trans with (1 := H). apply (bpow_le radix2 4). lia. }
  assert (Bsm : Rabs (square emin prec r' * curve emin prec q r' + inner emin prec r' lo') <= 8).
  { apply (fma_bound _ _ _ (/ 4) 1 4); lra. }
  assert (Rsm : rep sm (small emin prec q r' lo')).
  { apply rep_fma; auto. apply Big. lra. }
  assert (Bsmm : Rabs (small emin prec q r' lo') <= 8) by (apply (below_power _ 3); [assumption|lia]).
  set (y := add A l sm).
  assert (Ry : rep y (core emin prec q r' lo')).
  { apply rep_add; auto. apply Big. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  clearbody y. set (y' := core emin prec q r' lo') in *.
  (* The powers of two. *)
  destruct (two_factors A shifted b) as [p1 p2] eqn:Et. rewrite sign_only in Et.
  assert (KZ : (Z.abs k < Zpower radix2 (prec - 2))%Z).
  { apply lt_IZR. rewrite abs_IZR, IZR_Zpower by lia. apply Rabs_le_inv in K3. apply Rabs_le_inv in x_small.
    apply Rabs_def1; lra. }
  assert (Four : Zpower radix2 prec = (4 * Zpower radix2 (prec - 2))%Z).
  { replace prec with (2 + (prec - 2))%Z at 1 by ring. rewrite Zpower_plus by lia. reflexivity. }
  assert (Ek : IZR (k + 3 * 2 ^ (prec - 2)) * bpow radix2 0 = IZR k + shift prec).
  { change (bpow radix2 0) with 1. rewrite Rmult_1_r, plus_IZR, mult_IZR. unfold shift. f_equal. f_equal.
    exact (IZR_Zpower radix2 (prec - 2) ltac:(lia)). }
  assert (Es : shifted = make prec emax (k + 3 * 2 ^ (prec - 2)) 0).
  { apply (rep_unique f _ _ (IZR k + shift prec)); auto.
    - rewrite <- Ek. apply rep_make. change (2 ^ (prec - 2))%Z with (Zpower radix2 (prec - 2)). lia. red in Hp. lia.
      rewrite Ek. apply Rabs_le_inv in x_small. apply Rabs_le_inv in K3. unfold shift. apply Rabs_le. lra.
    - apply Rabs_le_inv in x_small. apply Rabs_le_inv in K3. unfold shift. lra. }
  assert (Sg : if Bsign b then (- Z.of_nat m < k <= 0)%Z else (0 <= k < Z.of_nat n)%Z).
  { assert (Sx := sign_of b (proj1 Hb)). destruct Hb as [_ Eb]. rewrite Eb in Sx.
    assert (Zero : x = 0 -> k = 0%Z).
    { intros Z0. rewrite Z0, Rmult_0_l, Rminus_0_r, <- abs_IZR in K3.
      assert (Z.abs k < 1)%Z by (apply lt_IZR; lra). lia. }
    destruct (Bsign b); split; try lia.
    destruct (Req_dec x 0) as [Z0|Z0]. rewrite (Zero Z0). lia. apply Hneg. lra. apply Hpos. lra. }
  assert (F := factors f n m k (Bsign b) powers Sg ltac:(lia) ltac:(lia) ltac:(lia) ltac:(lia)).
  cbv zeta in F. rewrite <- Es, Et in F. set (j := if Bsign b then (k + reach f)%Z else (k - reach f)%Z) in *.
  destruct F as [F1 F2].
  assert (J : (emin + prec <= j <= emax - 2)%Z) by (unfold j; destruct (Bsign b); lia).
  assert (Fy : format (y' * bpow radix2 j)).
  { apply exact_factor; try lia. apply (rep_format f y y' Ry). lra. }
  assert (R1 : rep (mul A y p1) (y' * bpow radix2 j)).
  { rewrite <- (round_generic radix2 fexp ZnearestE (y' * bpow radix2 j)) by assumption. apply rep_mul; auto.
    rewrite Rabs_pos_eq by (apply Rmult_le_pos; [lra|apply bpow_ge_0]).
    replace (emax - 1)%Z with (1 + (emax - 2))%Z by ring. rewrite bpow_plus. apply Rmult_le_compat; try lra.
    apply bpow_ge_0. simpl; lra. apply bpow_le. lia. }
  assert (Ev : y' * bpow radix2 j * bpow radix2 (k - j) = y' * bpow radix2 k).
  { rewrite Rmult_assoc, <- bpow_plus. f_equal. f_equal. ring. }
  destruct R1 as [G1 V1]. destruct F2 as [G2 V2].
  generalize (Bmult_correct prec emax _ _ mode_NE (mul A y p1) p2). rewrite V1, V2, Ev.
  assert (Top : format ((1 - / 512) * bpow radix2 emax)).
  { replace ((1 - / 512) * bpow radix2 emax) with (IZR 511 * bpow radix2 (emax - 9)).
    2: { replace emax with (9 + (emax - 9))%Z at 2 by ring. rewrite bpow_plus. simpl. lra. }
    apply multiple_format; try lia; try assumption. rewrite Rabs_pos_eq by (apply Rmult_le_pos; [lra|apply bpow_ge_0]).
    apply Rlt_le_trans with (bpow radix2 (9 + (emax - 9))).
    rewrite bpow_plus. apply Rmult_lt_compat_r. apply bpow_gt_0. simpl. lra. apply bpow_le. lia. }
  assert (Bt := bpow_gt_0 radix2 emax). assert (Bk := bpow_ge_0 radix2 k).
  rewrite Rlt_bool_true.
  - intros [T [G _]]. split. change (is_finite (Bmult mode_NE (mul A y p1) p2) = true). rewrite G, G1, G2. reflexivity. exact T.
  - apply Rle_lt_trans with ((1 - / 512) * bpow radix2 emax); [|lra].
    apply (abs_round_le_generic radix2 fexp ZnearestE); auto with typeclass_instances.
    rewrite Rabs_pos_eq by (apply Rmult_le_pos; lra). exact Htop.
Qed.
End Bits.
