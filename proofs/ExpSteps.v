(* The error analysis of exp, in any binary format; ExpDouble.v and ExpSingle.v put the numbers in.

     before_last   what is added to 1 + r is right but for: the method's error m, the polynomial's roundings a, those of the
                   two additions d1 and d2, and t (c + l) + 4 t^2 for the low part of r, |r_lo| <= t;
     last          the last addition, in units of the last place at the exact result;
     scaled        2^k times that: the same bound where the result is normal, half of it and 1/2 where it is not;
     exact_factor  the first of the two factors changes no digit. *)
Require Import ZArith Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Import Core Plus_error Sterbenz Mult_error.
From Tweedie Require Import Rounding.
Open Scope R_scope.

(* e^t - 1 - t is at most 2 t^2. *)
Lemma exp_line t : Rabs t <= / 2 -> 0 <= exp t - 1 - t <= 2 * (t * t).
Proof.
  intros Ht. apply Rabs_le_inv in Ht. split. generalize (exp_ineq1_le t). lra.
  assert (P := exp_pos t). assert (L := exp_ineq1_le (- t)). rewrite exp_Ropp in L.
  assert (exp t * (1 - t) <= 1).
  { apply (Rmult_le_compat_l (exp t)) in L; [|lra]. rewrite Rinv_r in L; lra. }
  apply (Rmult_le_reg_r (1 - t)). lra.
  assert (0 <= t * t) by apply Rle_0_sqr.
  replace ((exp t - 1 - t) * (1 - t)) with (exp t * (1 - t) - 1 + t * t) by ring.
  assert (t * t * (2 * t) <= t * t * 1) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Lemma Rabs_triang4 a b c d : Rabs (a + b + c + d) <= Rabs a + Rabs b + Rabs c + Rabs d.
Proof. generalize (Rabs_triang (a + b + c) d) (Rabs_triang (a + b) c) (Rabs_triang a b). lra. Qed.

Theorem before_last r lo line A A0 inner small m a d1 d2 t c l :
  Rabs (1 + r + A0 - exp r) <= m -> Rabs (A - A0) <= a ->
  Rabs (inner - (lo * line + (1 + r - line))) <= d2 -> Rabs (small - (A + inner)) <= d1 ->
  Rabs lo <= t -> t <= / 2 -> Rabs (exp r - 1 - r) <= c -> exp r <= 2 -> Rabs (1 + r - line) <= l ->
  Rabs (line + small - exp (r + lo)) <= m + a + d1 + d2 + (t * (c + l) + 4 * (t * t)).
Proof.
  intros Hm Ha H2 H1 Hlo Ht Hc He Hl. rewrite exp_plus.
  set (w := exp lo - 1 - lo).
  assert (W : Rabs w <= 2 * (t * t)).
  { destruct (exp_line lo) as [W1 W2]. lra. fold w in W1, W2. rewrite Rabs_pos_eq by assumption.
    apply Rle_trans with (1 := W2). apply Rmult_le_compat_l. lra.
    rewrite <- (Rabs_pos_eq (lo * lo)) by apply Rle_0_sqr. rewrite Rabs_mult.
    apply Rmult_le_compat; auto using Rabs_pos. }
  replace (line + small - exp r * exp lo)
    with ((1 + r + A0 - exp r) + ((A - A0) + (small - (A + inner)))
          + (inner - (lo * line + (1 + r - line))) + (- (lo * ((exp r - 1 - r) + (1 + r - line))) - exp r * w)).
  2: { unfold w. ring. }
  assert (B : Rabs (- (lo * ((exp r - 1 - r) + (1 + r - line))) - exp r * w) <= t * (c + l) + 4 * (t * t)).
  { unfold Rminus at 1. apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_Ropp, !Rabs_mult.
    apply Rplus_le_compat.
    - apply Rmult_le_compat; auto using Rabs_pos. apply Rle_trans with (1 := Rabs_triang _ _). lra.
    - rewrite (Rabs_pos_eq (exp r)) by (left; apply exp_pos).
      apply Rle_trans with (2 * (2 * (t * t))); [|lra].
      apply Rmult_le_compat; auto using Rabs_pos. left; apply exp_pos. }
  generalize (Rabs_triang4 (1 + r + A0 - exp r) ((A - A0) + (small - (A + inner)))
    (inner - (lo * line + (1 + r - line))) (- (lo * ((exp r - 1 - r) + (1 + r - line))) - exp r * w)).
  generalize (Rabs_triang (A - A0) (small - (A + inner))). lra.
Qed.

Section Format.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Hypothesis room : (emin <= - prec - 1)%Z.
Hypothesis wide : (3 <= prec)%Z.
Notation u := (bpow radix2 (- prec)).

Lemma u_small : 0 < u <= / 8.
Proof. split. apply bpow_gt_0. apply (bpow_le radix2 (- prec) (-3)). lia. Qed.

(* v is within b u or 2 b u of E in (1/2, 2); b < 1/2. *)
Theorem last E v b : / 2 < E < 2 -> 0 <= b < / 4 -> v <= 2 ->
  (E < 1 -> Rabs (v - E) <= b * u) -> (1 <= E -> Rabs (v - E) <= b * (2 * u)) ->
  let y := rnd v in
  (E < 1 -> Rabs (y - E) <= (/ 2 + b) * u) /\ (1 <= E -> Rabs (y - E) <= (/ 2 + b) * (2 * u) /\ 1 <= y).
Proof.
  intros HE Hb Hv H0 H1 y. assert (U := u_small).
  assert (D : y - E = (rnd v - v) + (v - E)) by (unfold y; ring).
  assert (P1 : bpow radix2 (0 - prec - 1) = / 2 * u).
  { replace (0 - prec - 1)%Z with (-1 + - prec)%Z by ring. now rewrite bpow_plus. }
  assert (P2 : bpow radix2 (1 - prec - 1) = u) by (f_equal; ring).
  assert (Bu : 0 <= b * u < / 4 * u).
  { split. apply Rmult_le_pos; lra. apply Rmult_lt_compat_r; lra. }
  split; intros H.
  - specialize (H0 H). rewrite D. apply Rle_trans with (1 := Rabs_triang _ _).
    assert (Rabs (rnd v - v) <= / 2 * u).
    { rewrite <- P1. apply Rabs_le_inv in H0. apply half_ulp_above; try assumption; [|lia].
      change (bpow radix2 0) with 1. lra. }
    lra.
  - specialize (H1 H). assert (N : Rabs (rnd v - v) <= u).
    { rewrite <- P2. apply Rabs_le_inv in H1. apply half_ulp; try assumption; [|lia].
      change (bpow radix2 1) with 2. rewrite Rabs_pos_eq; lra. }
    split. rewrite D. apply Rle_trans with (1 := Rabs_triang _ _). lra.
    apply Rabs_le_inv in H1. destruct (Rle_dec 1 v) as [L|L].
    + apply round_ge_generic; auto with typeclass_instances. apply (generic_format_bpow radix2 fexp 0). unfold FLT_exp. lia.
    + (* Just below 1 the nearest number is 1. *)
      assert (Q : Rabs (y - v) <= Rabs (1 - v)).
      { apply nearest_le; try assumption. apply (generic_format_bpow radix2 fexp 0). unfold FLT_exp. lia. }
      rewrite (Rabs_pos_eq (1 - v)) in Q by lra. apply Rabs_le_inv in Q.
      assert (Y : - u < y - 1) by lra.
      destruct (format_multiple emin prec y (-1)) as [k Hk].
      apply generic_format_round; auto with typeclass_instances. rewrite Rabs_pos_eq; simpl; lra.
      replace (-1 + 1 - prec)%Z with (- prec)%Z in Hk by ring.
      assert (One : 1 = IZR (Zpower radix2 prec) * u).
      { rewrite IZR_Zpower by lia. rewrite <- bpow_plus. now replace (prec + - prec)%Z with 0%Z by ring. }
      rewrite Hk, One. apply Rmult_le_compat_r. lra. apply IZR_le.
      assert (K : (Zpower radix2 prec - 1 < k)%Z).
      { apply lt_IZR. rewrite minus_IZR. apply (Rmult_lt_reg_r u). lra. rewrite <- Hk. lra. }
      lia.
Qed.

Lemma exact_factor y j : format y -> / 2 <= y -> (emin + prec <= j)%Z -> format (y * bpow radix2 j).
Proof.
  intros F H Hj. apply mult_bpow_exact_FLT. assumption.
  assert (0 <= mag radix2 y)%Z. { apply mag_ge_bpow. rewrite Rabs_pos_eq; simpl; lra. }
  lia.
Qed.

Notation ulp := (ulp radix2 fexp).
Definition tiny : R := bpow radix2 (emin + prec - 1).

(* b is in units of the last place; 2^(emin + prec - 1) is the smallest normal number. *)
Theorem scaled E y b k : format y -> / 2 < E < 2 -> / 2 <= y <= 2 -> 0 <= b <= 1 ->
  (E < 1 -> Rabs (y - E) <= b * u) -> (1 <= E -> Rabs (y - E) <= b * (2 * u) /\ 1 <= y) ->
  let x := E * bpow radix2 k in let z := rnd (y * bpow radix2 k) in
  (tiny <= x -> Rabs (z - x) <= b * ulp x) /\ (x < tiny -> Rabs (z - x) <= (/ 2 + b / 2) * ulp x).
Proof.
  intros Fy HE Hy Hb H0 H1 x z. assert (U := u_small). assert (Bk := bpow_gt_0 radix2 k).
  assert (D : z - x = (z - y * bpow radix2 k) + (y - E) * bpow radix2 k) by (unfold x; ring).
  assert (Xp : 0 < x) by (apply Rmult_lt_0_compat; lra).
  (* c = 0 where E < 1, 1 where 1 <= E: the exponent of E. *)
  assert (C : exists c, (c = 0 \/ c = 1)%Z /\ bpow radix2 (c - 1) <= E < bpow radix2 c /\ bpow radix2 (c - 1) <= y
    /\ Rabs (y - E) <= b * bpow radix2 (c - prec)).
  { destruct (Rlt_dec E 1) as [L|L].
    - exists 0%Z. split. auto. split. simpl. lra. split. simpl; lra. specialize (H0 L). now replace (0 - prec)%Z with (- prec)%Z by ring.
    - exists 1%Z. split. auto. split. simpl; lra. destruct H1 as [Ha Hc]. lra. split. simpl; lra.
      replace (1 - prec)%Z with (1 + - prec)%Z by ring. rewrite bpow_plus. assumption. }
  destruct C as [c [Hc [HEc [Hyc Hyb]]]].
  assert (Mx : mag radix2 x = (c + k)%Z :> Z).
  { apply mag_unique. rewrite Rabs_pos_eq by lra. unfold x. split.
    replace (c + k - 1)%Z with (c - 1 + k)%Z by ring. rewrite bpow_plus. apply Rmult_le_compat_r; lra.
    rewrite bpow_plus. apply Rmult_lt_compat_r; lra. }
  assert (Ux : ulp x = bpow radix2 (Z.max (c + k - prec) emin)).
  { rewrite ulp_neq_0 by lra. unfold cexp, FLT_exp. now rewrite Mx. }
  assert (S : Rabs ((y - E) * bpow radix2 k) <= b * bpow radix2 (c + k - prec)).
  { rewrite Rabs_mult, (Rabs_pos_eq (bpow radix2 k)) by lra.
    replace (c + k - prec)%Z with ((c - prec) + k)%Z by ring. rewrite bpow_plus, <- Rmult_assoc.
    apply Rmult_le_compat_r. lra. assumption. }
  assert (T : tiny <= x <-> (emin + prec <= c + k)%Z).
  { unfold tiny. split; intros H.
    - assert (emin + prec - 1 < mag radix2 x)%Z; [|lia]. apply mag_gt_bpow. rewrite Rabs_pos_eq; lra.
    - apply Rle_trans with (bpow radix2 (c - 1 + k)). apply bpow_le; lia. rewrite bpow_plus. unfold x. apply Rmult_le_compat_r; lra. }
  split; intros H.
  - apply T in H. rewrite Ux, Z.max_l by lia.
    assert (Zx : z = y * bpow radix2 k).
    { apply round_generic; auto with typeclass_instances. apply mult_bpow_exact_FLT. assumption.
      assert (c - 1 < mag radix2 y)%Z. { apply mag_gt_bpow. rewrite Rabs_pos_eq; lra. } lia. }
    rewrite D, Zx, Rminus_eq_0, Rplus_0_l. assumption.
  - assert (Hk : (c + k < emin + prec)%Z).
    { destruct (Z_lt_le_dec (c + k) (emin + prec)) as [L|L]. assumption. apply T in L. lra. }
    rewrite Ux, Z.max_r by lia. rewrite D. apply Rle_trans with (1 := Rabs_triang _ _).
    assert (Rabs (z - y * bpow radix2 k) <= / 2 * bpow radix2 emin).
    { apply Rle_trans with (1 := error_le_half_ulp radix2 fexp _ _). apply Rmult_le_compat_l. lra.
      assert (Y : 0 < y * bpow radix2 k) by (apply Rmult_lt_0_compat; lra).
      rewrite ulp_neq_0 by lra. apply bpow_le. unfold cexp, FLT_exp.
      assert (mag radix2 (y * bpow radix2 k) <= emin + prec)%Z; [|lia].
      assert (mag radix2 y <= c + 1)%Z.
      { apply mag_le_bpow. lra. rewrite Rabs_pos_eq by lra. destruct Hc as [->| ->]; simpl bpow; [|lra].
        replace (0 - prec)%Z with (- prec)%Z in Hyb by ring. apply Rabs_le_inv in Hyb. simpl in HEc.
        assert (b * u <= 1 * u) by (apply Rmult_le_compat_r; lra). lra. }
      rewrite mag_mult_bpow by lra. lia. }
    assert (bpow radix2 (c + k - prec) <= / 2 * bpow radix2 emin).
    { change (/ 2) with (bpow radix2 (-1)). rewrite <- bpow_plus. apply bpow_le. lia. }
    assert (b * bpow radix2 (c + k - prec) <= b * (/ 2 * bpow radix2 emin)) by (apply Rmult_le_compat_l; lra).
    lra.
Qed.
End Format.
