(* The noise prediction of an isotropic mixture, -s times the score: one product more than the score, in both formats.

   On the domain of PointFormats.v, and where |s| times the largest that the score can be is within half the format's range:
   noise_binary64, noise_binary32   finite, and within u |s S| + (1 + u) (|s^ - s| |S| + |s^| B + eta) of -s S, S the exact score and B the
                                    bound of the computed one, s^ the number of the format that stands for s. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Sums Near Softmax Logits Weights Mixture Arithmetic Coefficients Kernels Refinement Formats Functions Point PointFormats.
From Tweedie Require ExpDoubleBits ExpSingleBits.
Open Scope R_scope.

Section Noise.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation fexp := (FLT_exp (3 - emax - prec) prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation float := (binary_float prec emax).
Notation u := (unit_roundoff f).
Notation eta := (half_tiny f).
Notation big := (bpow radix2 (emax - 1)).

Definition noise_bound (sf s S B : R) : R := u * Rabs (s * S) + (1 + u) * (Rabs (sf - s) * Rabs S + Rabs sf * B + eta).
Lemma noise_of_score (sf score : float) s S B : is_finite sf = true -> is_finite score = true -> Rabs (B2R score - S) <= B ->
  Rabs (B2R sf) * (Rabs S + B) <= big -> is_finite (mul (ieee f) (neg (ieee f) sf) score) = true
  /\ Rabs (B2R (mul (ieee f) (neg (ieee f) sf) score) - - s * S) <= noise_bound (B2R sf) s S B.
Proof.
  intros Fs Fc Hs Room.
  assert (T : Rabs (B2R score) <= Rabs S + B).
  { replace (B2R score) with (S + (B2R score - S)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  destruct (rep_mul f (neg (ieee f) sf) score (- B2R sf) (B2R score)) as [Fm Vm].
  - apply rep_neg. now split.
  - now split.
  - rewrite Rabs_mult, Rabs_Ropp. apply Rle_trans with (2 := Room). apply Rmult_le_compat_l. apply Rabs_pos. exact T.
  - split. exact Fm. rewrite Vm. unfold noise_bound.
    replace (Rabs (s * S)) with (Rabs (- s * S)) by (rewrite <- (Rabs_Ropp (s * S)); f_equal; ring).
    apply (rounded_error rnd u eta (unit_range f) (rounding f)).
    replace (- B2R sf * B2R score - - s * S) with (- (B2R sf - s) * S + - B2R sf * (B2R score - S)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult, !Rabs_Ropp. apply Rplus_le_compat_l.
    apply Rmult_le_compat_l. apply Rabs_pos. exact Hs.
Qed.

(* The statement, for the exp and ln of a format. *)
Definition noise_statement C E Ln e tau lambda ln_rest : Prop :=
  forall size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error reference,
  point_statement f C E Ln e tau lambda ln_rest size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg
    offset_error shifted_error reference ->
  domain f e tau size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf ->
  tables f originf shiftedf offsetf precisionf gainf mu P O G dp dg offset_error shifted_error ->
  forall (sf : float) s k c, (k < d)%nat -> is_finite sf = true ->
  let S := score_exact size b d x a mu P O k in
  let B := score_bound rnd u eta e tau size N b d (real1 f xf) x (B2R af) a (real3 f meanf) mu (real2 f precisionf) P (real2 f offsetf) O dp
    offset_error k c in
  let noise := Point.noise (ieee f) C size b d af sf xf meanf offsetf precisionf k in
  Rabs (B2R sf) * (Rabs S + B) <= big -> is_finite noise = true /\ Rabs (B2R noise - - s * S) <= noise_bound (B2R sf) s S B.
Lemma noise_holds C E Ln e tau lambda ln_rest : noise_statement C E Ln e tau lambda ln_rest.
Proof.
  intros size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error reference
    Point Domain Tables sf s k c Hk Fs S B noise Room.
  destruct (proj1 (Point Domain Tables) k c Hk) as [Fc V]. now apply noise_of_score.
Qed.
End Noise.

Theorem noise_binary64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error
  (sf : binary_float 53 1024) s k c :
  domain binary64 exp_cost_64 tau_64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf ->
  tables binary64 originf shiftedf offsetf precisionf gainf mu P O G dp dg offset_error shifted_error -> (k < d)%nat -> is_finite sf = true ->
  let S := score_exact size b d x a mu P O k in
  let B := score_bound (round radix2 (FLT_exp (-1074) 53) ZnearestE) (unit_roundoff binary64) (half_tiny binary64) exp_cost_64 tau_64 size N b d
    (real1 binary64 xf) x (B2R af) a (real3 binary64 meanf) mu (real2 binary64 precisionf) P (real2 binary64 offsetf) O dp offset_error k c in
  let noise := Point.noise double ExpDoubleBits.constants size b d af sf xf meanf offsetf precisionf k in
  Rabs (B2R sf) * (Rabs S + B) <= bpow radix2 1023 ->
  is_finite noise = true /\ Rabs (B2R noise - - s * S) <= noise_bound binary64 (B2R sf) s S B.
Proof.
  intros Domain Tables. apply (noise_holds binary64 ExpDoubleBits.constants exp_64 ln_64 exp_cost_64 tau_64 lambda_64 ln_rest_64) with (originf := originf)
    (referencef := referencef) (shiftedf := shiftedf) (gainf := gainf) (G := G) (dg := dg) (shifted_error := shifted_error) (reference := 0);
    auto using point_binary64.
Qed.
Theorem noise_binary32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G dp dg offset_error shifted_error
  (sf : binary_float 24 128) s k c :
  domain binary32 exp_cost_32 tau_32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf ->
  tables binary32 originf shiftedf offsetf precisionf gainf mu P O G dp dg offset_error shifted_error -> (k < d)%nat -> is_finite sf = true ->
  let S := score_exact size b d x a mu P O k in
  let B := score_bound (round radix2 (FLT_exp (-149) 24) ZnearestE) (unit_roundoff binary32) (half_tiny binary32) exp_cost_32 tau_32 size N b d
    (real1 binary32 xf) x (B2R af) a (real3 binary32 meanf) mu (real2 binary32 precisionf) P (real2 binary32 offsetf) O dp offset_error k c in
  let noise := Point.noise single ExpSingleBits.constants size b d af sf xf meanf offsetf precisionf k in
  Rabs (B2R sf) * (Rabs S + B) <= bpow radix2 127 ->
  is_finite noise = true /\ Rabs (B2R noise - - s * S) <= noise_bound binary32 (B2R sf) s S B.
Proof.
  intros Domain Tables. apply (noise_holds binary32 ExpSingleBits.constants exp_32 ln_32 exp_cost_32 tau_32 lambda_32 ln_rest_32) with (originf := originf)
    (referencef := referencef) (shiftedf := shiftedf) (gainf := gainf) (G := G) (dg := dg) (shifted_error := shifted_error) (reference := 0);
    auto using point_binary32.
Qed.
