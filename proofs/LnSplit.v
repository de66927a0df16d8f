(* split, run on Flocq's numbers: of a positive number x it gives m and k with x = m 2^k, m from sqrt(1/2) to sqrt 2.

     rep_of_bits   what of_bits makes of an exponent's and a fraction's bits;
     bits_normal   the bits of a positive normal number;
     split_is      the two results of split, for normal and for subnormal x. *)
Require Import ZArith Reals Lra Lia Bool.
From Flocq Require Import Core BinarySingleNaN Mult_error.
From Tweedie Require Import Arithmetic Refinement.
Open Scope R_scope.

Section Split.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation float := (binary_float prec emax).
Notation emin := (3 - emax - prec)%Z.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation A := (ieee f).
Notation rep := (rep f).
Notation half_range := (2 ^ (prec - 1))%Z.
Hypothesis wide : (22 <= prec)%Z.
Hypothesis tall : (2 * prec <= emax)%Z.
Hypothesis field : (2 ^ exponents emax = 2 * emax)%Z.
Hypothesis small : (4 * emax < half_range)%Z.
Hypothesis lifts : (lift f = prec + 1)%Z.
(* The fraction of sqrt(1/2). *)
Variable r : Z.
Hypothesis root : (sqrt_half f = (emax - 2) * half_range + r)%Z.
Hypothesis r_low : (1448 * half_range <= 1024 * (half_range + r))%Z.
Hypothesis r_high : (2048 * (half_range + r) <= 2897 * half_range)%Z.

Let half_positive : (0 < half_range)%Z. Proof. apply Z.pow_pos_nonneg; lia. Qed.
Let shifted n : Z.shiftl n (fraction prec) = (n * half_range)%Z.
Proof. unfold fraction. rewrite Z.shiftl_mul_pow2 by lia. reflexivity. Qed.
Let exponents_positive : (0 < exponents emax)%Z.
Proof. unfold exponents. assert (H := Z.log2_nonneg emax). lia. Qed.
Let whole : (2 ^ (width prec emax - 1) = 2 * emax * half_range)%Z.
Proof.
  unfold width, fraction. replace (1 + exponents emax + (prec - 1) - 1)%Z with (exponents emax + (prec - 1))%Z by ring.
  rewrite Z.pow_add_r by lia. now rewrite field.
Qed.

Lemma fields e m : (0 <= m < half_range)%Z -> Z.land (e * half_range + m) (Z.ones (fraction prec)) = m /\
  Z.shiftr (e * half_range + m) (fraction prec) = e.
Proof.
  intros H. unfold fraction. split.
  - rewrite Z.land_ones by lia. rewrite Z.add_comm, Z_mod_plus_full. now apply Z.mod_small.
  - rewrite Z.shiftr_div_pow2 by lia. rewrite Z.div_add_l by lia. rewrite Z.div_small by assumption. lia.
Qed.

Lemma rep_of_bits e m : (0 <= m < half_range)%Z -> (1 <= e <= 2 * emax - 3)%Z ->
  rep (of_bits prec emax (e * half_range + m)) (IZR (m + half_range) * bpow radix2 (e - 1 + emin)).
Proof.
  intros Hm H. destruct (fields e m Hm) as [F1 F2]. unfold of_bits. rewrite F1, F2.
  assert (B : (e * half_range + m < 2 * emax * half_range)%Z) by nia.
  rewrite (proj2 (Z.testbit_false (e * half_range + m) (width prec emax - 1) ltac:(unfold width, fraction; lia))).
  2: { rewrite whole. rewrite Z.div_small. reflexivity. nia. }
  rewrite Z.land_ones by lia. rewrite field, Z.mod_small by lia.
  destruct (Z.eqb_spec e 0) as [E|E]. lia. destruct (Z.eqb_spec e (Z.ones (exponents emax))) as [G|G].
  { rewrite Z.ones_equiv, field in G. lia. }
  rewrite shifted. unfold lowest. rewrite Z.mul_1_l.
  assert (P2 : (2 ^ prec = 2 * half_range)%Z).
  { replace prec with (1 + (prec - 1))%Z at 1 by ring. rewrite Z.pow_add_r by lia. reflexivity. }
  apply (rep_make f (m + half_range) (e - 1 + emin)).
  - change (Zpower radix2 prec) with (2 ^ prec)%Z. lia.
  - lia.
  - rewrite Rabs_pos_eq. 2: { apply Rmult_le_pos. apply IZR_le. lia. apply bpow_ge_0. }
    replace (emax - 1)%Z with (prec + (emax - 1 - prec))%Z by ring. rewrite (bpow_plus _ prec). apply Rmult_le_compat.
    apply IZR_le. lia. apply bpow_ge_0. rewrite <- IZR_Zpower by lia. change (Zpower radix2 prec) with (2 ^ prec)%Z. apply IZR_le. lia.
    apply bpow_le. lia.
Qed.

Lemma bits_normal (b : float) x : rep b x -> bpow radix2 (emin + prec - 1) <= x -> exists M e, x = IZR M * bpow radix2 e /\
  (half_range <= M < 2 * half_range)%Z /\ (emin <= e <= emax - prec)%Z /\ e = (mag radix2 x - prec)%Z /\
  to_bits prec emax b = ((e - emin + 1) * half_range + (M - half_range))%Z.
Proof.
  intros [Fb Eb] Hx. assert (Xp := bpow_gt_0 radix2 (emin + prec - 1)).
  destruct b as [s|s| |s M e Hb]; simpl in Fb; try discriminate. { simpl in Eb. lra. }
  destruct s. { simpl in Eb. assert (F2R (Float radix2 (Z.neg M) e) <= 0) by now apply F2R_le_0. lra. }
  cbn [B2R cond_Zopp] in Eb. exists (Zpos M), e.
  assert (Ex : x = IZR (Zpos M) * bpow radix2 e) by (rewrite <- Eb; reflexivity).
  destruct (andb_prop _ _ Hb) as [Hc Hle]. apply Zle_bool_imp_le in Hle.
  apply (canonical_canonical_mantissa prec emax false) in Hc. unfold canonical, cexp in Hc. cbn [Fexp cond_Zopp] in Hc.
  rewrite Eb in Hc. unfold fexp, FLT_exp in Hc.
  assert (Mg : (emin + prec - 1 < mag radix2 x)%Z) by (apply mag_gt_bpow; rewrite Rabs_pos_eq; lra).
  assert (E1 : e = (mag radix2 x - prec)%Z) by (rewrite Hc; unfold SpecFloat.fexp, SpecFloat.emin; lia).
  assert (P2 : (2 ^ prec = 2 * half_range)%Z).
  { replace prec with (1 + (prec - 1))%Z at 1 by ring. rewrite Z.pow_add_r by lia. reflexivity. }
  assert (X0 : x <> 0) by lra.
  assert (M1 := bpow_mag_le radix2 x X0). assert (M2 := bpow_mag_gt radix2 x). rewrite Rabs_pos_eq in M1, M2 by lra.
  assert (Be := bpow_gt_0 radix2 e).
  assert (R1 : (half_range <= Zpos M < 2 * half_range)%Z).
  { split.
    - apply le_IZR. change half_range with (Zpower radix2 (prec - 1)). rewrite IZR_Zpower by lia.
      apply (Rmult_le_reg_r (bpow radix2 e)). assumption. rewrite <- Ex, <- bpow_plus.
      replace (prec - 1 + e)%Z with (mag radix2 x - 1)%Z by lia. assumption.
    - rewrite <- P2. apply lt_IZR. change (2 ^ prec)%Z with (Zpower radix2 prec). rewrite IZR_Zpower by lia.
      apply (Rmult_lt_reg_r (bpow radix2 e)). assumption. rewrite <- Ex, <- bpow_plus.
      replace (prec + e)%Z with (mag radix2 x : Z) by lia. assumption. }
  split. exact Ex. split. exact R1. split. lia. split. exact E1.
  unfold to_bits. rewrite shifted. destruct (Z.ltb_spec (Zpos M) (1 * half_range)) as [L|L]. lia.
  rewrite shifted. unfold lowest. lia.
Qed.

(* The bits of a normal number x = M 2^e, moved so that the field of the exponent changes at sqrt(1/2). *)
Lemma moved_bits M e : (half_range <= M < 2 * half_range)%Z -> (emin <= e <= emax - prec)%Z ->
  let bits := word prec emax ((e - emin + 1) * half_range + (M - half_range) + (Z.shiftl (bias emax) (fraction prec) - sqrt_half f)) in
  exists m j, rep (of_bits prec emax (Z.land bits (Z.ones (fraction prec)) + sqrt_half f)) m /\
    Z.shiftr bits (fraction prec) = (j + emax - 1)%Z /\ IZR M * bpow radix2 e = m * bpow radix2 j /\
    (exists n, m = IZR n * bpow radix2 (- prec)) /\ 1448 / 2048 <= m <= 2897 / 2048 /\ (e + prec - 1 <= j <= e + prec)%Z.
Proof.
  intros HM He' bits. assert (Up := bpow_gt_0 radix2 (- prec)). 
  assert (W : (0 <= r < half_range)%Z) by lia.
  assert (Half : IZR half_range * bpow radix2 (- prec) = / 2).
  { change half_range with (Zpower radix2 (prec - 1)). rewrite IZR_Zpower, <- bpow_plus by lia.
    replace (prec - 1 + - prec)%Z with (-1)%Z by ring. reflexivity. }
  assert (Words : forall h l, (0 <= l < half_range)%Z -> (0 <= h < 2 * emax)%Z -> word prec emax (h * half_range + l) = (h * half_range + l)%Z).
  { intros h l Hl Hh. unfold word. rewrite Z.land_ones by (unfold width, fraction; lia). apply Z.mod_small. split. nia.
    replace (width prec emax) with (1 + (width prec emax - 1))%Z by ring. rewrite Z.pow_add_r, whole by (unfold width, fraction; lia). nia. }
  assert (LowR : 1448 * IZR half_range <= 1024 * (IZR half_range + IZR r)).
  { rewrite <- plus_IZR, <- !mult_IZR. now apply IZR_le. }
  assert (HighR : 2048 * (IZR half_range + IZR r) <= 2897 * IZR half_range).
  { rewrite <- plus_IZR, <- !mult_IZR. now apply IZR_le. }
  destruct (Z_lt_le_dec (M - half_range) r) as [L|L].
  - (* Above 1. *)
    assert (Eb : bits = ((e - emin + 1) * half_range + (M - half_range - r + half_range))%Z).
    { transitivity (word prec emax ((e - emin + 1) * half_range + (M - half_range - r + half_range))%Z). 2: apply Words; lia.
      unfold bits. f_equal. rewrite shifted, root. unfold bias. ring. }
    destruct (fields (e - emin + 1) (M - half_range - r + half_range) ltac:(lia)) as [F1 F2]. rewrite Eb, F1, F2.
    exists (IZR M * bpow radix2 (1 - prec)), (e + prec - 1)%Z.
    assert (Um : bpow radix2 (1 - prec) = 2 * bpow radix2 (- prec)) by (unfold Z.sub; rewrite bpow_plus; reflexivity).
    split; [|split; [|split; [|split; [|split]]]].
    + replace (M - half_range - r + half_range + sqrt_half f)%Z with ((emax - 1) * half_range + (M - half_range))%Z by (rewrite root; ring).
      assert (R := rep_of_bits (emax - 1) (M - half_range) ltac:(lia) ltac:(lia)).
      replace (M - half_range + half_range)%Z with M in R by ring.
      replace (emax - 1 - 1 + emin)%Z with (1 - prec)%Z in R by ring. exact R.
    + lia.
    + rewrite Rmult_assoc, <- bpow_plus. f_equal. f_equal. ring.
    + exists (2 * M)%Z. rewrite mult_IZR, Um. ring.
    + assert (IZR half_range <= IZR M) by (apply IZR_le; lia).
      assert (IZR M <= IZR half_range + IZR r) by (rewrite <- plus_IZR; apply IZR_le; lia).
      assert (IZR half_range * bpow radix2 (- prec) <= IZR M * bpow radix2 (- prec)) by (apply Rmult_le_compat_r; lra).
      assert (2048 * IZR M * bpow radix2 (- prec) <= 2897 * IZR half_range * bpow radix2 (- prec)) by (apply Rmult_le_compat_r; lra).
      rewrite Um. lra.
    + lia.
  - assert (Eb : bits = ((e - emin + 2) * half_range + (M - half_range - r))%Z).
    { transitivity (word prec emax ((e - emin + 2) * half_range + (M - half_range - r))%Z). 2: apply Words; lia.
      unfold bits. f_equal. rewrite shifted, root. unfold bias. ring. }
    destruct (fields (e - emin + 2) (M - half_range - r) ltac:(lia)) as [F1 F2]. rewrite Eb, F1, F2.
    exists (IZR M * bpow radix2 (- prec)), (e + prec)%Z.
    split; [|split; [|split; [|split; [|split]]]].
    + replace (M - half_range - r + sqrt_half f)%Z with ((emax - 2) * half_range + (M - half_range))%Z by (rewrite root; ring).
      assert (R := rep_of_bits (emax - 2) (M - half_range) ltac:(lia) ltac:(lia)).
      replace (M - half_range + half_range)%Z with M in R by ring.
      replace (emax - 2 - 1 + emin)%Z with (- prec)%Z in R by ring. exact R.
    + lia.
    + rewrite Rmult_assoc, <- bpow_plus. f_equal. f_equal. ring.
    + exists M. ring.
    + assert (IZR half_range + IZR r <= IZR M) by (rewrite <- plus_IZR; apply IZR_le; lia).
      assert (IZR M <= 2 * IZR half_range) by (rewrite <- mult_IZR; apply IZR_le; lia).
      assert (1448 * IZR half_range * bpow radix2 (- prec) <= 1024 * IZR M * bpow radix2 (- prec)) by (apply Rmult_le_compat_r; lra).
      assert (IZR M * bpow radix2 (- prec) <= 2 * IZR half_range * bpow radix2 (- prec)) by (apply Rmult_le_compat_r; lra).
      lra.
    + lia.
Qed.

Lemma rep_integer n : (Z.abs n < 2 ^ prec)%Z -> rep (make prec emax n 0) (IZR n).
Proof.
  intros H. rewrite <- (Rmult_1_r (IZR n)). change 1 with (bpow radix2 0). apply rep_make; try lia. exact H.
  change (bpow radix2 0) with 1. rewrite Rmult_1_r, <- abs_IZR. apply Rle_trans with (bpow radix2 prec).
  rewrite <- IZR_Zpower by lia. apply IZR_le. change (Zpower radix2 prec) with (2 ^ prec)%Z. lia. apply bpow_le. lia.
Qed.
Lemma exact_integer n : (Z.abs n < 2 ^ prec)%Z -> rnd (IZR n) = IZR n /\ Rabs (IZR n) <= bpow radix2 (emax - 1).
Proof.
  intros H. split.
  - apply round_generic; auto with typeclass_instances. apply (rep_format f _ _ (rep_integer n H)).
  - rewrite <- abs_IZR. apply Rle_trans with (bpow radix2 prec).
    rewrite <- IZR_Zpower by lia. apply IZR_le. change (Zpower radix2 prec) with (2 ^ prec)%Z. lia. apply bpow_le. lia.
Qed.

Lemma exponent_of j c : (- 2 * emax < j < 2 * emax)%Z -> (0 <= j + emax - 1 < 2 * emax)%Z -> (0 <= c < 2 * emax)%Z ->
  let integers := make prec emax 1 (fraction prec) in
  rep (Bminus mode_NE (Bminus mode_NE (of_bits prec emax (Z.lor (to_bits prec emax integers) (j + emax - 1)))
    (Bplus mode_NE integers (make prec emax (bias emax) 0))) (make prec emax c 0)) (IZR (j - c)).
Proof.
  intros Hj Hb Hc integers.
  assert (P2 : (2 ^ prec = 2 * half_range)%Z).
  { replace prec with (1 + (prec - 1))%Z at 1 by ring. rewrite Z.pow_add_r by lia. reflexivity. }
  assert (Hi : bpow radix2 (prec - 1) = IZR half_range).
  { change half_range with (Zpower radix2 (prec - 1)). now rewrite IZR_Zpower by lia. }
  assert (Ri : rep integers (IZR half_range)).
  { rewrite <- Hi. apply rep_power. lia. }
  destruct (bits_normal integers (IZR half_range) Ri) as [M [e [Ex [HM [_ [Ee Eb]]]]]].
  { rewrite <- Hi. apply bpow_le. lia. }
  rewrite <- Hi, mag_bpow in Ee. replace (prec - 1 + 1 - prec)%Z with 0%Z in Ee by ring. rewrite Ee in Ex, Eb.
  change (bpow radix2 0) with 1 in Ex. rewrite Rmult_1_r in Ex. apply eq_IZR in Ex. rewrite <- Ex in Eb.
  assert (Lor : Z.lor (to_bits prec emax integers) (j + emax - 1) = ((1 - emin) * half_range + (j + emax - 1))%Z).
  { rewrite Eb. replace ((0 - emin + 1) * half_range + (half_range - half_range))%Z with ((1 - emin) * 2 ^ (prec - 1))%Z by ring.
    rewrite <- Z.shiftl_mul_pow2 by lia. rewrite <- Z.lxor_lor, <- Z.add_nocarry_lxor; trivial.
    all: apply Z.bits_inj'; intros n Hn; rewrite Z.land_spec, Z.bits_0, Z.shiftl_spec by assumption;
      destruct (Z_lt_le_dec n (prec - 1)) as [L|L]; [rewrite Z.testbit_neg_r by lia; reflexivity|];
      rewrite (Z.bits_above_log2 (j + emax - 1) n); [apply andb_false_r|lia|];
      destruct (Z.eq_dec (j + emax - 1) 0) as [->|N]; [simpl; lia|]; apply Z.log2_lt_pow2; [lia|];
      apply Z.lt_le_trans with half_range; [lia|]; apply Z.pow_le_mono_r; lia. }
  rewrite Lor.
  assert (R1 := rep_of_bits (1 - emin) (j + emax - 1) ltac:(lia) ltac:(lia)).
  replace (1 - emin - 1 + emin)%Z with 0%Z in R1 by ring. change (bpow radix2 0) with 1 in R1. rewrite Rmult_1_r in R1.
  assert (R2 : rep (make prec emax (bias emax) 0) (IZR (bias emax))) by (apply rep_integer; unfold bias; lia).
  assert (R3 : rep (Bplus mode_NE integers (make prec emax (bias emax) 0)) (IZR (half_range + bias emax))).
  { destruct (exact_integer (half_range + bias emax)) as [X1 X2]. unfold bias; lia.
    rewrite <- X1. rewrite plus_IZR in *. now apply rep_add. }
  assert (R4 : rep (Bminus mode_NE (of_bits prec emax ((1 - emin) * half_range + (j + emax - 1)))
    (Bplus mode_NE integers (make prec emax (bias emax) 0))) (IZR j)).
  { destruct (exact_integer j) as [X1 X2]. lia. rewrite <- X1.
    replace (IZR j) with (IZR (j + emax - 1 + half_range) - IZR (half_range + bias emax)) in * by (rewrite <- minus_IZR; f_equal; unfold bias; ring).
    now apply rep_sub. }
  assert (R5 : rep (make prec emax c 0) (IZR c)) by (apply rep_integer; lia).
  destruct (exact_integer (j - c)) as [X1 X2]. lia. rewrite <- X1. rewrite minus_IZR in *. now apply rep_sub.
Qed.

Theorem split_is (b : float) x : rep b x -> 0 < x -> exists m k,
  rep (fst (ieee_split f b)) (IZR k) /\ rep (snd (ieee_split f b)) m /\ x = m * bpow radix2 k /\
  (exists n, m = IZR n * bpow radix2 (- prec)) /\ 1448 / 2048 <= m <= 2897 / 2048 /\ (emin <= k <= emax)%Z.
Proof.
  intros Rb Xp.
  (* x lifted by 2^c is normal. *)
  assert (Lift : exists c N, (c = 0 \/ c = lift f)%Z /\ rep N (x * bpow radix2 c) /\ bpow radix2 (emin + prec - 1) <= x * bpow radix2 c /\
    (c = lift f -> bpow radix2 (emin + c) <= x * bpow radix2 c < bpow radix2 (emin + prec - 1 + c)) /\
    let bits := word prec emax (to_bits prec emax N + (Z.shiftl (bias emax) (fraction prec) - sqrt_half f)) in
    let integers := make prec emax 1 (fraction prec) in
    ieee_split f b = (Bminus mode_NE (Bminus mode_NE (of_bits prec emax (Z.lor (to_bits prec emax integers) (Z.shiftr bits (fraction prec))))
      (Bplus mode_NE integers (make prec emax (bias emax) 0))) (make prec emax c 0),
      of_bits prec emax (Z.land bits (Z.ones (fraction prec)) + sqrt_half f))).
  { assert (Rt : rep (make prec emax 1 (lowest prec emax + fraction prec)) (bpow radix2 (emin + prec - 1))).
    { replace (emin + prec - 1)%Z with (lowest prec emax + fraction prec)%Z by (unfold lowest, fraction; ring).
      apply rep_power. unfold lowest, fraction. lia. }
    assert (Eb : Bltb b (make prec emax 1 (lowest prec emax + fraction prec)) = Rlt_bool x (bpow radix2 (emin + prec - 1))) by exact (rep_below f _ _ _ _ Rb Rt).
    destruct (Rlt_dec x (bpow radix2 (emin + prec - 1))) as [L|L].
    - exists (lift f), (Bmult mode_NE b (make prec emax 1 (lift f))).
      rewrite Rlt_bool_true in Eb by assumption.
      assert (Xm : bpow radix2 emin <= x).
      { destruct (Rle_dec (bpow radix2 emin) x) as [Q|Q]. assumption. exfalso.
        assert (F := rep_format f _ _ Rb). assert (U := ulp_le_abs radix2 fexp x ltac:(lra) F).
        rewrite Rabs_pos_eq in U by lra. assert (U2 : ulp radix2 fexp 0 <= ulp radix2 fexp x) by (apply ulp_ge_ulp_0; auto with typeclass_instances).
        rewrite ulp_FLT_0 in U2 by assumption. lra. }
      assert (Xf : rnd (x * bpow radix2 (lift f)) = x * bpow radix2 (lift f)).
      { apply round_generic; auto with typeclass_instances. apply mult_bpow_exact_FLT. apply (rep_format f _ _ Rb).
        assert (emin < mag radix2 x)%Z by (apply mag_gt_bpow; rewrite Rabs_pos_eq; lra). lia. }
      split. now right. split; [|split; [|split]].
      + rewrite <- Xf. apply rep_mul; try assumption. apply rep_power. lia.
        rewrite Rabs_pos_eq by (apply Rmult_le_pos; [lra|apply bpow_ge_0]).
        apply Rle_trans with (bpow radix2 (emin + prec - 1 + lift f)). 2: apply bpow_le; lia.
        rewrite bpow_plus. apply Rmult_le_compat_r. apply bpow_ge_0. lra.
      + apply Rle_trans with (bpow radix2 (emin + lift f)). apply bpow_le; lia. rewrite bpow_plus. apply Rmult_le_compat_r. apply bpow_ge_0. assumption.
      + intros _. rewrite !(bpow_plus radix2 _ (lift f)). split. apply Rmult_le_compat_r. apply bpow_ge_0. assumption.
        apply Rmult_lt_compat_r. apply bpow_gt_0. assumption.
      + unfold ieee_split. rewrite Eb. reflexivity.
    - rewrite Rlt_bool_false in Eb by lra. exists 0%Z, b. change (bpow radix2 0) with 1. rewrite Rmult_1_r.
      split. now left. split. assumption. split. lra. split. lia. unfold ieee_split. rewrite Eb. reflexivity. }
  destruct Lift as [c [N [Hc [RN [LN [LC E]]]]]]. rewrite E. clear E. cbn [fst snd].
  destruct (bits_normal N _ RN LN) as [M [e [Ex [HM [He' [Ee Eb]]]]]]. rewrite Eb.
  destruct (moved_bits M e HM He') as [m [j [Rm [Ej [Em [Hn [Hm Hj]]]]]]]. rewrite Ej.
  exists m, (j - c)%Z. split. apply exponent_of; lia. split. exact Rm. split; [|split; [exact Hn|split; [exact Hm|]]].
  - unfold Z.sub. rewrite bpow_plus, bpow_opp. rewrite <- Rmult_assoc, <- Em, <- Ex. field. apply Rgt_not_eq, bpow_gt_0.
  - destruct Hc as [->| Hc]. lia. specialize (LC Hc).
    assert (mag radix2 (x * bpow radix2 c) <= emin + prec - 1 + c)%Z.
    { apply mag_le_bpow. apply Rgt_not_eq, Rmult_lt_0_compat. assumption. apply bpow_gt_0. rewrite Rabs_pos_eq. apply LC.
      apply Rmult_le_pos. lra. apply bpow_ge_0. }
    assert (emin + c < mag radix2 (x * bpow radix2 c))%Z.
    { apply mag_gt_bpow. rewrite Rabs_pos_eq. apply LC. apply Rmult_le_pos. lra. apply bpow_ge_0. }
    lia.
Qed.
End Split.
