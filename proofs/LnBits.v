(* The executable ln is the expression over the reals: bits_of_ln says that ln of Kernels.v, run on Flocq's numbers, is
   finite on every finite positive x and has the value result k (m - 1) of LnParts.v, m and k from split (LnSplit.v).
   What a format must bring is hypothesis here and proven in LnDoubleBits.v and LnSingleBits.v. *)
Require Import ZArith Reals Lra Lia List Bool.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Arithmetic Coefficients Kernels Refinement Rounding LnSteps LnParts LnSplit.
Open Scope R_scope.

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
Notation half_range := (2 ^ (prec - 1))%Z.
Hypothesis wide : (22 <= prec)%Z.
Hypothesis tall : (2 * prec <= emax)%Z.
Hypothesis high : (64 <= emax)%Z.

(* b is x, and x is at most 2^i. *)
Definition sized (b : number A) (x : R) (i : Z) : Prop := rep b x /\ Rabs x <= bpow radix2 i.

Lemma rounded v i : Rabs v <= bpow radix2 i -> (0 <= i < 60)%Z -> Rabs (rnd v) <= bpow radix2 i /\ Rabs v <= bpow radix2 (emax - 1).
Proof.
  intros H Hi. split.
  - apply abs_round_le_generic; auto with typeclass_instances. apply generic_format_bpow. unfold FLT_exp. lia.
  - apply Rle_trans with (1 := H). apply bpow_le. lia.
Qed.
Lemma wider b x i j : sized b x i -> (i <= j)%Z -> sized b x j.
Proof. intros [R B] H. split. exact R. apply Rle_trans with (1 := B). now apply bpow_le. Qed.
Lemma twice i : bpow radix2 (i + 1) = bpow radix2 i + bpow radix2 i.
Proof. rewrite bpow_plus. change (bpow radix2 1) with 2. ring. Qed.

Lemma sized_add a b x y i : sized a x i -> sized b y i -> (0 <= i < 50)%Z -> sized (add A a b) (rnd (x + y)) (i + 1).
Proof.
  intros [Ra Ba] [Rb Bb] Hi. destruct (rounded (x + y) (i + 1)) as [H1 H2]; [|lia|].
  - rewrite twice. apply Rle_trans with (1 := Rabs_triang _ _). lra.
  - split; [now apply rep_add|assumption].
Qed.
Lemma sized_sub a b x y i : sized a x i -> sized b y i -> (0 <= i < 50)%Z -> sized (sub A a b) (rnd (x - y)) (i + 1).
Proof.
  intros [Ra Ba] [Rb Bb] Hi. destruct (rounded (x - y) (i + 1)) as [H1 H2]; [|lia|].
  - rewrite twice. unfold Rminus. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
  - split; [now apply rep_sub|assumption].
Qed.
Lemma sized_neg a x i : sized a x i -> sized (neg A a) (- x) i.
Proof. intros [R B]. split. now apply rep_neg. now rewrite Rabs_Ropp. Qed.
Lemma product_bound x y i j : Rabs x <= bpow radix2 i -> Rabs y <= bpow radix2 j -> Rabs (x * y) <= bpow radix2 (i + j).
Proof. intros Hx Hy. rewrite Rabs_mult, bpow_plus. apply Rmult_le_compat; auto using Rabs_pos. Qed.
Lemma sized_mul a b x y i j : sized a x i -> sized b y j -> (0 <= i + j < 50)%Z -> sized (mul A a b) (rnd (x * y)) (i + j).
Proof.
  intros [Ra Ba] [Rb Bb] Hi. destruct (rounded (x * y) (i + j)) as [H1 H2]; [now apply product_bound|lia|].
  split; [now apply rep_mul|assumption].
Qed.
Lemma sized_fma a b c x y z i j : sized a x i -> sized b y j -> sized c z (i + j) -> (0 <= i + j < 50)%Z ->
  sized (fma A a b c) (rnd (x * y + z)) (i + j + 1).
Proof.
  intros [Ra Ba] [Rb Bb] [Rc Bc] Hi. destruct (rounded (x * y + z) (i + j + 1)) as [H1 H2]; [|lia|].
  - rewrite twice. apply Rle_trans with (1 := Rabs_triang _ _). assert (P := product_bound x y i j Ba Bb). lra.
  - split; [now apply rep_fma|assumption].
Qed.
Lemma sized_div a b x y : sized a x 0 -> rep b y -> 1 <= y -> sized (div A a b) (rnd (x / y)) 0.
Proof.
  intros [[Fa Ea] Ba] [Fb Eb] Hy. 
  assert (Q : Rabs (x / y) <= bpow radix2 0).
  { unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ y)) by (left; apply Rinv_0_lt_compat; lra).
    apply (Rmult_le_reg_r y). lra. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. change (bpow radix2 0) with 1 in *. lra. }
  destruct (rounded (x / y) 0 Q ltac:(lia)) as [H1 H2].
  assert (N := Bdiv_correct prec emax _ _ mode_NE a b). rewrite Eb, Ea in N. specialize (N ltac:(lra)).
  rewrite Rlt_bool_true in N by (change (Rabs (rnd (x / y)) < bpow radix2 emax); now apply top_in_range).
  destruct N as [N1 [N2 _]]. split; [|assumption]. split; [|exact N1].
  change (is_finite (Bdiv mode_NE a b) = true). now rewrite N2.
Qed.

Lemma sized_power e : (- prec <= e <= 0)%Z -> sized (make prec emax 1 e) (bpow radix2 e) 0.
Proof. intros H. split. apply rep_power. lia. rewrite Rabs_pos_eq by apply bpow_ge_0. apply bpow_le. lia. Qed.

Variable K : table (number A).
Variables HI LO : R.
Variable p : R -> R.
Hypothesis c_hi : sized (LN2_HI K) HI 0.
Hypothesis c_lo : sized (LN2_LO K) LO 0.
Hypothesis polynomial : forall z Z, sized z Z 0 -> sized (horner A z (LN_TAIL K)) (p Z) 8.

Lemma expression k m kf mf : rep kf (IZR k) -> Rabs (IZR k) <= bpow radix2 11 -> rep mf m -> 1448 / 2048 <= m <= 2897 / 2048 ->
  (exists n, m = IZR n * bpow radix2 (- prec)) ->
  let f := sub A mf (one A) in
  let s := div A f (add A (two A) f) in
  let z := mul A s s in
  let series := mul A z (horner A z (LN_TAIL K)) in
  let square := mul A f f in
  let half_square := mul A (half A) square in
  let square_lo := fma A f f (neg A square) in
  let shift := mul A kf (LN2_HI K) in
  let shift_lo := fma A kf (LN2_LO K) (fma A kf (LN2_HI K) (neg A shift)) in
  let line := add A shift f in
  let line_lo := add A (sub A shift line) f in
  let parabola := sub A line half_square in
  let parabola_lo := sub A (sub A line parabola) half_square in
  let lost := add A (fma A (neg A (half A)) square_lo (add A line_lo parabola_lo)) shift_lo in
  rep (add A parabola (fma A s (add A half_square series) lost)) (result emin prec HI LO p (IZR k) (m - 1)).
Proof.
  intros Rk Bk Rm Hm [n En]. 
  assert (One : rep (one A) 1) by (apply (rep_power f 0); lia).
  assert (Two : rep (two A) 2) by (apply (rep_power f 1); lia).
  assert (Half : sized (half A) (/ 2) 0) by (apply (sized_power (-1)); lia).
  assert (Ex : rnd (m - 1) = m - 1).
  { apply round_generic; auto with typeclass_instances. 
    assert (E : m - 1 = IZR (n - 2 ^ prec) * bpow radix2 (- prec)).
    { rewrite minus_IZR, En, Rmult_minus_distr_r. f_equal. change (2 ^ prec)%Z with (Zpower radix2 prec).
      rewrite IZR_Zpower, <- bpow_plus by lia. now replace (prec + - prec)%Z with 0%Z by ring. }
    rewrite E. apply multiple_format; try lia; try assumption. rewrite <- E. replace (- prec + prec)%Z with 0%Z by ring.
    change (bpow radix2 0) with 1. apply Rabs_def1; lra. }
  intros g.
  assert (Bg : Rabs (m - 1) <= bpow radix2 0) by (change (bpow radix2 0) with 1; apply Rabs_le; lra).
  assert (Sg : sized g (m - 1) 0).
  { split; [|assumption]. rewrite <- Ex. apply rep_sub; try assumption. apply Rle_trans with (1 := Bg). apply bpow_le. lia. }
  set (F := m - 1) in *. clearbody g.
  assert (Dv : 1 <= rnd (2 + F)).
  { apply round_ge_generic; auto with typeclass_instances. apply (generic_format_bpow radix2 fexp 0). unfold FLT_exp. lia. unfold F. lra. }
  assert (Rd : rep (add A (two A) g) (rnd (2 + F))).
  { apply rep_add; try assumption. apply Sg. apply Rle_trans with (bpow radix2 2). change (bpow radix2 2) with 4. unfold F. apply Rabs_le. lra.
    apply bpow_le. lia. }
  intros s. assert (Ss : sized s (quotient emin prec F) 0) by now apply sized_div. clearbody s.
  intros z. assert (Sz : sized z _ 0) by exact (sized_mul _ _ _ _ 0 0 Ss Ss ltac:(lia)). clearbody z.
  intros series. assert (Sser : sized series (LnParts.series emin prec p F) 8) by exact (sized_mul _ _ _ _ 0 8 Sz (polynomial _ _ Sz) ltac:(lia)).
  clearbody series.
  intros square. assert (Ssq : sized square (LnParts.square emin prec F) 0) by exact (sized_mul _ _ _ _ 0 0 Sg Sg ltac:(lia)). clearbody square.
  intros hs. assert (Shs : sized hs (LnParts.half_square emin prec F) 0) by exact (sized_mul _ _ _ _ 0 0 Half Ssq ltac:(lia)). clearbody hs.
  intros slo. assert (Sslo : sized slo (LnParts.square_lo emin prec F) 1).
  { exact (sized_fma _ _ _ _ _ _ 0 0 Sg Sg (sized_neg _ _ _ Ssq) ltac:(lia)). } clearbody slo.
  assert (Sk : sized kf (IZR k) 11) by now split.
  intros sh. assert (Ssh : sized sh (LnParts.shift emin prec HI (IZR k)) 11) by exact (sized_mul _ _ _ _ 11 0 Sk c_hi ltac:(lia)).
  clearbody sh.
  intros shl. assert (Sshl : sized shl (LnParts.shift_lo emin prec HI LO (IZR k)) 13).
  { assert (Si := sized_fma _ _ _ _ _ _ 11 0 Sk c_hi (sized_neg _ _ _ Ssh) ltac:(lia)).
    exact (sized_fma _ _ _ _ _ _ 12 0 (wider _ _ _ 12 Sk ltac:(lia)) c_lo Si ltac:(lia)). } clearbody shl.
  intros ln. assert (Sln : sized ln (LnParts.line emin prec HI (IZR k) F) 12).
  { exact (sized_add _ _ _ _ 11 Ssh (wider _ _ _ 11 Sg ltac:(lia)) ltac:(lia)). } clearbody ln.
  intros lnl. assert (Slnl : sized lnl (LnParts.line_lo emin prec HI (IZR k) F) 14).
  { assert (Si := sized_sub _ _ _ _ 12 (wider _ _ _ 12 Ssh ltac:(lia)) Sln ltac:(lia)).
    exact (sized_add _ _ _ _ 13 Si (wider _ _ _ 13 Sg ltac:(lia)) ltac:(lia)). } clearbody lnl.
  intros pa. assert (Spa : sized pa (LnParts.parabola emin prec HI (IZR k) F) 13).
  { exact (sized_sub _ _ _ _ 12 Sln (wider _ _ _ 12 Shs ltac:(lia)) ltac:(lia)). } clearbody pa.
  intros pal. assert (Spal : sized pal (LnParts.parabola_lo emin prec HI (IZR k) F) 15).
  { assert (Si := sized_sub _ _ _ _ 13 (wider _ _ _ 13 Sln ltac:(lia)) Spa ltac:(lia)).
    exact (sized_sub _ _ _ _ 14 Si (wider _ _ _ 14 Shs ltac:(lia)) ltac:(lia)). } clearbody pal.
  intros lo. assert (Slo : sized lo (LnParts.lost emin prec HI LO (IZR k) F) 18).
  { assert (Si := sized_add _ _ _ _ 15 (wider _ _ _ 15 Slnl ltac:(lia)) Spal ltac:(lia)).
    assert (Sj := sized_fma _ _ _ _ _ _ 0 16 (sized_neg _ _ _ Half) (wider _ _ _ 16 Sslo ltac:(lia)) Si ltac:(lia)).
    exact (sized_add _ _ _ _ 17 Sj (wider _ _ _ 17 Sshl ltac:(lia)) ltac:(lia)). } clearbody lo.
  assert (Sb : sized (add A hs series) (LnParts.bracket emin prec p F) 9).
  { exact (sized_add _ _ _ _ 8 (wider _ _ _ 8 Shs ltac:(lia)) Sser ltac:(lia)). }
  assert (Sm : sized (fma A s (add A hs series) lo) (LnParts.small emin prec HI LO p (IZR k) F) 19).
  { exact (sized_fma _ _ _ _ _ _ 0 18 Ss (wider _ _ _ 18 Sb ltac:(lia)) Slo ltac:(lia)). }
  exact (proj1 (sized_add _ _ _ _ 19 (wider _ _ _ 19 Spa ltac:(lia)) Sm ltac:(lia))).
Qed.

Hypothesis field : (2 ^ exponents emax = 2 * emax)%Z.
Hypothesis little : (4 * emax < half_range)%Z.
Hypothesis lifts : (lift f = prec + 1)%Z.
Variable r : Z.
Hypothesis root : (sqrt_half f = (emax - 2) * half_range + r)%Z.
Hypothesis r_low : (1448 * half_range <= 1024 * (half_range + r))%Z.
Hypothesis r_high : (2048 * (half_range + r) <= 2897 * half_range)%Z.
Hypothesis k_range : (emax + prec <= 2048)%Z.

Theorem bits_of_ln b x : rep b x -> 0 < x -> exists m k, x = m * bpow radix2 k /\
  (exists n, m = IZR n * bpow radix2 (- prec)) /\ 1448 / 2048 <= m <= 2897 / 2048 /\ (emin <= k <= emax)%Z /\
  rep (ln A K b) (result emin prec HI LO p (IZR k) (m - 1)).
Proof.
  intros Rb Xp. destruct (split_is f wide tall field little lifts r root r_low r_high b x Rb Xp) as [m [k [R1 [R2 [Ex [En [Hm Hk]]]]]]].
  exists m, k. repeat (split; [assumption|]). unfold ln.
  change (split A b) with (ieee_split f b). destruct (ieee_split f b) as [kf mf]. cbn [fst snd] in R1, R2. cbv zeta.
  assert (Bk : Rabs (IZR k) <= bpow radix2 11). { rewrite <- abs_IZR. apply (IZR_le _ 2048). lia. }
  assert (E := expression k m kf mf R1 Bk R2 Hm En). cbv zeta in E.
  assert (S1 : same A b (infinity A) = false).
  { destruct Rb as [Fb _]. destruct b as [ | | | ]; try discriminate; try reflexivity; destruct s; reflexivity. }
  assert (S2 : same A b (Arithmetic.zero A) = false).
  { destruct Rb as [Fb Eb]. change (Beqb b (B754_zero false) = false). rewrite Beqb_correct by (assumption || reflexivity).
    rewrite Eb. apply Req_bool_false. simpl. lra. }
  assert (S3 : not_above A (Arithmetic.zero A) b = true).
  { destruct Rb as [Fb Eb]. change (Bleb (B754_zero false) b = true). rewrite Bleb_correct by (assumption || reflexivity).
    rewrite Eb. apply Rle_bool_true. simpl. lra. }
  rewrite S1, S2, S3. exact E.
Qed.
End Bits.
